import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tar, type TarEntry } from './tar';

/** An image to be made: its layers' files, each with the line that built it. */
export interface ImageSpec {
  layers: { files: TarEntry[]; by: string }[];
  architecture?: string;
  env?: string[];
  labels?: Record<string, string>;
  ports?: string[];
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
  annotations?: Record<string, string>;
}

const OCI = 'application/vnd.oci.image';

/** Two small layers with something to look at. */
export const small: ImageSpec = {
  layers: [
    { files: [{ path: 'etc/' }, { path: 'etc/os-release', content: 'NAME="Test"\n' }, { path: 'bin/sh', link: 'busybox' }], by: 'ADD rootfs.tar / # buildkit' },
    { files: [{ path: 'app/' }, { path: 'app/main.js', content: 'console.log("hello");\n' }], by: 'COPY . /app # buildkit' },
  ],
  env: ['PATH=/usr/bin:/bin', 'MODE=test'],
  labels: { 'org.opencontainers.image.source': 'https://example.com/app' },
  ports: ['8080/tcp'],
};

/** Writes an OCI layout with one image, or an index when there are several (OCI image layout 1.0). */
export function writeLayout(folder: string, images: ImageSpec[]): void {
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const store = (mediaType: string, bytes: Buffer): Descriptor => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (mediaType: string, value: unknown) => store(mediaType, Buffer.from(JSON.stringify(value)));
  const manifests = images.map((image) => {
    const plain = image.layers.map((layer) => tar(layer.files));
    const platform = { os: 'linux', architecture: image.architecture ?? 'amd64' };
    const config = json(`${OCI}.config.v1+json`, {
      ...platform,
      created: '2026-01-02T03:04:05Z',
      config: {
        Env: image.env ?? [],
        Labels: image.labels ?? {},
        ExposedPorts: Object.fromEntries((image.ports ?? []).map((port) => [port, {}])),
        Cmd: ['/bin/sh'],
      },
      rootfs: { type: 'layers', diff_ids: plain.map((bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`) },
      history: image.layers.map((layer) => ({ created: '2026-01-02T03:04:05Z', created_by: layer.by })),
    });
    const layers = plain.map((bytes) => store(`${OCI}.layer.v1.tar+gzip`, gzipSync(bytes)));
    const manifest = json(`${OCI}.manifest.v1+json`, { schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers });
    return { ...manifest, platform };
  });
  const [only] = manifests;
  const top =
    manifests.length === 1 && only !== undefined
      ? only
      : json(`${OCI}.index.v1+json`, { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests });
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  const named = { ...top, annotations: { 'org.opencontainers.image.ref.name': 'it' } };
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
}
