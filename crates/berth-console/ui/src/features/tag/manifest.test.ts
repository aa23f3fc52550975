import { describe, expect, it } from 'vitest';
import { manifestFacts } from './manifest';

const descriptor = (mediaType: string, more = {}) => ({ mediaType, digest: 'sha256:ab', size: 7, ...more });

describe('what a list reads out of a manifest', () => {
  it('tells an image by its configuration', () => {
    const facts = manifestFacts(JSON.stringify({ config: descriptor('application/vnd.oci.image.config.v1+json'), layers: [descriptor('x')] }));
    expect(facts).toMatchObject({ kind: 'image', layers: [{ digest: 'sha256:ab', size: 7 }] });
  });

  it('lists the platforms of an index without what nothing runs', () => {
    const manifests = [
      descriptor('m', { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }),
      descriptor('m', { platform: { os: 'unknown', architecture: 'unknown' } }),
    ];
    expect(manifestFacts(JSON.stringify({ manifests }))).toMatchObject({ kind: 'index', platforms: ['linux/arm/v7'] });
  });

  it.each([
    ['a chart by its configuration', { config: descriptor('application/vnd.cncf.helm.config.v1+json') }, 'application/vnd.cncf.helm.config.v1+json'],
    ['an artifact by its type', { artifactType: 'a/b', config: descriptor('application/vnd.oci.empty.v1+json') }, 'a/b'],
    ['an artifact that says nothing', { config: descriptor('application/vnd.oci.empty.v1+json') }, undefined],
  ])('tells %s', (_, manifest, type) => {
    expect(manifestFacts(JSON.stringify(manifest))).toMatchObject({ kind: 'artifact', type });
  });

  it('says nothing of what is no manifest', () => {
    expect(manifestFacts('')).toBeUndefined();
    expect(manifestFacts('7')).toBeUndefined();
  });
});
