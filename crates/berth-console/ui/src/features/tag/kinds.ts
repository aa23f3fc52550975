import type { TagWords } from './texts';

/** What an artifact is, by its media type, in words; the type itself of what is not known. */
export function artifactName(type: string | undefined, t: TagWords): string {
  if (type === undefined) return t.badge.artifact;
  const known: [RegExp, string][] = [
    [/cncf\.helm\./, t.badge.helm],
    [/cosign/, t.badge.cosign],
    [/cncf\.notary\./, t.badge.notation],
    [/spdx|cyclonedx|syft/, t.badge.sbomKind],
    [/in-toto/, t.badge.attestation],
    [/wasm/, t.badge.wasm],
  ];
  return known.find(([pattern]) => pattern.test(type))?.[1] ?? type.replace(/^application\//, '');
}
