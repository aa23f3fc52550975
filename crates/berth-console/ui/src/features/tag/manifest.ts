/** What the text of a manifest tells a list. */
export interface ManifestFacts {
  kind: 'image' | 'index' | 'artifact';
  /** The media type that says what an artifact is. */
  type: string | undefined;
  /** The platforms of an index; what no machine runs, such as attestations, is left out. */
  platforms: string[];
  layers: { digest: string; size: number }[];
}

interface Descriptor {
  mediaType?: string;
  digest?: string;
  size?: number;
  platform?: { os?: string; architecture?: string; variant?: string };
}

interface Manifest {
  artifactType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
}

const CONFIGS = new Set(['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']);
const NOTHING = 'application/vnd.oci.empty.v1+json';

/** Reads what a list shows out of a manifest; nothing of a text that is none. */
export function manifestFacts(text: string): ManifestFacts | undefined {
  const manifest = parsed(text);
  if (manifest === undefined) return undefined;
  if (manifest.manifests !== undefined) {
    const platforms = manifest.manifests.flatMap(({ platform }) => {
      if (platform?.architecture === undefined || platform.architecture === 'unknown') return [];
      return [[platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined && part !== '').join('/')];
    });
    return { kind: 'index', type: undefined, platforms, layers: [] };
  }
  const config = manifest.config?.mediaType ?? '';
  const type = manifest.artifactType ?? (config === NOTHING ? undefined : config);
  return {
    kind: CONFIGS.has(config) && manifest.artifactType === undefined ? 'image' : 'artifact',
    type,
    platforms: [],
    layers: (manifest.layers ?? []).map(({ digest, size }) => ({ digest: digest ?? '', size: size ?? 0 })),
  };
}

function parsed(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Manifest) : undefined;
  } catch {
    return undefined;
  }
}
