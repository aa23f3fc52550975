import { describe, expect, it } from 'vitest';
import { dockerfile, instruction } from './instruction';

describe('steps of a build as lines of a Dockerfile', () => {
  const table: [string, string, string][] = [
    ['/bin/sh -c #(nop)  CMD ["bash"]', 'CMD', '["bash"]'],
    ['/bin/sh -c #(nop) ADD file:4b1be1de1a1e5aa608c688cad2824587262081866180d7368feb79d33ca05953 in / ', 'ADD', '4b1be1de1a1e… /'],
    ['/bin/sh -c apt-get update && apt-get install -y curl', 'RUN', 'apt-get update \\\n    && apt-get install -y curl'],
    ['/bin/sh -c set -eux; \tapt-get update; \trm -rf /tmp', 'RUN', 'set -eux; \\\n    apt-get update; \\\n    rm -rf /tmp'],
    ['/bin/sh -c set -eux; \tapt-get install -y \t\tcurl \t\tnetbase \t; \trm -rf /tmp', 'RUN', 'set -eux; \\\n    apt-get install -y curl netbase ; \\\n    rm -rf /tmp'],
    ['RUN /bin/sh -c corepack enable # buildkit', 'RUN', 'corepack enable'],
    ['RUN |2 VERSION=1.2 OS=linux /bin/sh -c make install # buildkit', 'RUN', 'make install'],
    ['RUN |1 A=b /bin/bash -o pipefail -c true # buildkit', 'RUN', 'true'],
    ['COPY dist ./dist # buildkit', 'COPY', 'dist ./dist'],
    ['EXPOSE map[8080/tcp:{} 9090/tcp:{}]', 'EXPOSE', '8080/tcp 9090/tcp'],
    ['VOLUME [/srv/data]', 'VOLUME', '/srv/data'],
    ['ENV PATH=/usr/bin:/bin', 'ENV', 'PATH=/usr/bin:/bin'],
    ['bazel build ...', '', 'bazel build ...'],
    ['', '', ''],
  ];
  it.each(table)('%s', (createdBy, keyword, text) => {
    expect(instruction(createdBy)).toEqual({ keyword, text });
  });

  it('writes what no Dockerfile can say as a comment', () => {
    expect(dockerfile([instruction('bazel build ...'), instruction('CMD ["a"]')])).toBe('# bazel build ...\nCMD ["a"]\n');
  });
});
