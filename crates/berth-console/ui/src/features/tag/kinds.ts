import type { TagWords } from './texts';

const IMAGES = new Set(['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']);

/** Whether a type is that of an image's configuration, and so of no artifact. */
export function isImageType(type: string | null | undefined): boolean {
  return type == null || type === '' || IMAGES.has(type);
}

/** What an artifact is, by its media type, in words; the type itself of what is not known. */
export function artifactName(type: string | undefined, t: TagWords): string {
  if (type === undefined || type === 'application/vnd.oci.empty.v1+json') return t.badge.artifact;
  const known: [RegExp, string][] = [
    [/cncf\.helm\./, t.badge.helm],
    [/cosign/, t.badge.cosign],
    [/cncf\.notary\./, t.badge.notation],
    [/spdx|cyclonedx|syft/, t.badge.sbomKind],
    [/in-toto/, t.badge.attestation],
    [/nydus/, t.badge.lazy],
    [/wasm/, t.badge.wasm],
  ];
  return known.find(([pattern]) => pattern.test(type))?.[1] ?? type.replace(/^application\//, '');
}
