import { describe, expect, it } from 'vitest';
import { fingerprint, readArchive } from './archive';

const encoder = new TextEncoder();

function entry(name: string, content: string | Uint8Array, type = '0'): Uint8Array {
  const body = typeof content === 'string' ? encoder.encode(content) : content;
  const block = new Uint8Array(512 + Math.ceil(body.length / 512) * 512);
  const put = (text: string, at: number) => block.set(encoder.encode(text), at);
  put(name.slice(0, 100), 0);
  put(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  put('        ', 148);
  put(type, 156);
  put('ustar\0', 257);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  block.set(body, 512);
  return block;
}

function tar(...entries: Uint8Array[]): Blob {
  return new Blob([...entries, new Uint8Array(1024)] as BlobPart[]);
}

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const blob = (letter: string) => `blobs/sha256/${letter.repeat(64)}`;

describe('a file of saved images', () => {
  it('tells its names and layers from docker’s manifest, behind large layers', async () => {
    const manifest = [
      { Config: 'a.json', RepoTags: ['host/team/app:v1', 'app:v2'], Layers: ['1/layer.tar', '2/layer.tar'] },
      { Config: 'b.json', RepoTags: null, Layers: ['1/layer.tar'] },
    ];
    const file = tar(entry('1/layer.tar', new Uint8Array(300_000)), entry('2/layer.tar', 'x'), entry('manifest.json', JSON.stringify(manifest)));
    expect(await readArchive(file)).toEqual({ kind: 'images', references: ['host/team/app:v1', 'app:v2'], images: 2, layers: 3 });
  });

  it('tells names and layers from an OCI layout, through an index', async () => {
    const image = { layers: [{}, {}] };
    const index = { manifests: [{ digest: digest('b') }, { digest: digest('c') }] };
    const outer = { manifests: [{ digest: digest('a'), annotations: { 'org.opencontainers.image.ref.name': 'v1' } }] };
    const file = tar(
      entry(blob('a'), JSON.stringify(index)),
      entry(blob('b'), JSON.stringify(image)),
      entry(blob('c'), JSON.stringify(image)),
      entry('./index.json', JSON.stringify(outer)),
    );
    expect(await readArchive(file)).toEqual({ kind: 'images', references: ['v1'], images: 1, layers: 4 });
  });

  it('follows long names and sizes that stand before an entry', async () => {
    const manifest = JSON.stringify([{ RepoTags: ['app:v1'], Layers: [] }]);
    const attributes = '22 path=manifest.json\n';
    const file = tar(entry('long', `${'a/'.repeat(200)}b\0`, 'L'), entry('a', 'x'), entry('attributes', attributes, 'x'), entry('short', manifest));
    expect((await readArchive(file)).references).toEqual(['app:v1']);
  });

  it('is not taken for one when it is something else', async () => {
    expect((await readArchive(new Blob(['hello '.repeat(500)]))).kind).toBe('broken');
    expect((await readArchive(tar(entry('a', 'b')))).kind).toBe('broken');
    expect((await readArchive(tar(entry('manifest.json', '{')))).kind).toBe('broken');
    expect((await readArchive(new Blob([new Uint8Array([0x1f, 0x8b, 8, 0])]))).kind).toBe('gzip');
    expect((await readArchive(new Blob([]))).kind).toBe('broken');
  });

  it('is known again by its first bytes', async () => {
    const one = await fingerprint(new Blob(['a'.repeat(100_000), 'x']));
    expect(one).toBe(await fingerprint(new Blob(['a'.repeat(100_000), 'y'])));
    expect(one).not.toBe(await fingerprint(new Blob(['b', 'a'.repeat(99_999)])));
    expect(one.length).toBeLessThan(128);
  });
});
