/** What a manifest names, and what that names in turn. */
export interface Node {
  kind: 'index' | 'image' | 'attestation' | 'config' | 'layer' | 'file';
  digest: string;
  mediaType: string;
  size: number | undefined;
  /** The platform of an image, the name of a file. */
  name: string;
  /** Whether this repository has it, where that is known. */
  present: boolean | undefined;
  children: Node[];
}

interface Descriptor {
  mediaType?: string;
  digest?: string;
  size?: number;
  annotations?: Record<string, string>;
  platform?: { os?: string; architecture?: string; variant?: string };
}

interface Manifest {
  mediaType?: string;
  artifactType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
}

const NAME = 'org.opencontainers.image.title';

/** A manifest's text as a tree; nothing of what is none. */
export function manifestTree(text: string, digest: string, mediaType: string): Node | undefined {
  const manifest = parsed(text);
  if (manifest === undefined) return undefined;
  const isIndex = manifest.manifests !== undefined;
  return {
    kind: isIndex ? 'index' : 'image',
    digest,
    mediaType: manifest.mediaType ?? mediaType,
    size: new TextEncoder().encode(text).length,
    name: manifest.artifactType ?? '',
    present: true,
    children: isIndex ? (manifest.manifests ?? []).map(entry) : parts(manifest),
  };
}

/** What the image of a manifest consists of. */
export function parts(manifest: Manifest): Node[] {
  const config = manifest.config === undefined ? [] : [leaf(manifest.config, 'config')];
  return [...config, ...(manifest.layers ?? []).map((layer) => leaf(layer, layer.annotations?.[NAME] === undefined ? 'layer' : 'file'))];
}

function entry(of: Descriptor): Node {
  const { os, architecture, variant } = of.platform ?? {};
  const attestation = of.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
  const platform = [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
  return { ...leaf(of, attestation ? 'attestation' : 'image'), name: attestation ? '' : platform };
}

function leaf(of: Descriptor, kind: Node['kind']): Node {
  return { kind, digest: of.digest ?? '', mediaType: of.mediaType ?? '', size: of.size, name: of.annotations?.[NAME] ?? '', present: undefined, children: [] };
}

function parsed(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Manifest) : undefined;
  } catch {
    return undefined;
  }
}
