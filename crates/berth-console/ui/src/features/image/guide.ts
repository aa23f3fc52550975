import type { RegistryAddress } from '../../app/registry';

/** The programs that the guide shows. */
export const GUIDE_CLIENTS = ['docker', 'podman', 'nerdctl', 'containerd', 'skopeo'] as const;
export type GuideClient = (typeof GUIDE_CLIENTS)[number];

/** What a sample does; the texts have a word for each. */
export type Purpose = 'name' | 'pushIt' | 'pullIt' | 'copyIt';

/** A command of the guide. */
export interface Sample {
  purpose: Purpose;
  text: string;
}

const LOGIN = "'<user>:<password>'";

/** How a client pushes and pulls an image; `tag` may be a placeholder. */
export function samples(client: GuideClient, address: RegistryAddress, path: string, tag: string): { push: Sample[]; pull: Sample[] } {
  const image = `${path}:${tag}`;
  const local = image.slice(image.lastIndexOf('/') + 1);
  const flag = (text: string) => (address.secure ? '' : ` ${text}`);
  switch (client) {
    case 'docker':
      return engine('docker', '', image, local);
    case 'podman':
      return engine('podman', flag('--tls-verify=false'), image, local);
    case 'nerdctl':
      return engine('nerdctl', flag('--insecure-registry'), image, local);
    case 'containerd':
      return {
        push: [
          { purpose: 'name', text: `ctr image tag ${local} ${image}` },
          { purpose: 'pushIt', text: `ctr image push${flag('--plain-http')} --user ${LOGIN} ${image}` },
        ],
        pull: [{ purpose: 'pullIt', text: `ctr image pull${flag('--plain-http')} --user ${LOGIN} ${image}` }],
      };
    case 'skopeo':
      return {
        push: [{ purpose: 'copyIt', text: `skopeo copy${flag('--dest-tls-verify=false')} docker-daemon:${local} docker://${image}` }],
        pull: [{ purpose: 'copyIt', text: `skopeo copy --all${flag('--src-tls-verify=false')} docker://${image} dir:${local.split(':')[0] ?? local}` }],
      };
  }
}

function engine(program: string, flag: string, image: string, local: string): { push: Sample[]; pull: Sample[] } {
  return {
    push: [
      { purpose: 'name', text: `${program} tag ${local} ${image}` },
      { purpose: 'pushIt', text: `${program} push${flag} ${image}` },
    ],
    pull: [{ purpose: 'pullIt', text: `${program} pull${flag} ${image}` }],
  };
}
