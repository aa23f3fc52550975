import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import { look } from '../files/content';

export type Comparison = components['schemas']['ImageComparison'];
export type ChangedFile = components['schemas']['ChangedFile'];
export type FileChanges = components['schemas']['FileChanges'];
export type ChangedPackage = components['schemas']['ChangedPackage'];
export type Change = components['schemas']['ChangeKind'];

/** Two versions of an image, and of indexes for which platform. */
export interface Pair {
  org: string;
  image: string;
  a: string;
  b: string;
  platform: string | undefined;
}

/** What a query about two versions is known by. */
export function pairKey({ org, image, a, b, platform }: Pair, ...what: unknown[]): readonly unknown[] {
  return ['image', org, image, 'compare', a, b, platform ?? '', ...what];
}

function names({ org, image, a, b }: Pair) {
  return { namespace: org, repository: inPath(image), reference: a, other: b };
}

/** What two versions say of themselves, and their layers side by side. */
export function comparison(pair: Pair) {
  return {
    queryKey: pairKey(pair),
    queryFn: () =>
      data(
        api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/comparisons/{reference}/{other}/image', {
          params: { path: names(pair), query: { platform: pair.platform } },
        }),
      ),
  };
}

/** A page of the files that differ. */
export function readChanges(pair: Pair, text: string, change: Change | undefined, limit: number, marker?: string) {
  return api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/comparisons/{reference}/{other}/files', {
    params: {
      path: names(pair),
      query: { platform: pair.platform, text: text === '' ? undefined : text, change, limit, marker },
    },
  });
}

/** The packages that differ, or how far the server is. */
export function readPackageChanges(pair: Pair) {
  return look(
    api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/comparisons/{reference}/{other}/packages', {
      params: { path: names(pair), query: { platform: pair.platform } },
    }),
  );
}

/** Tags with a text in their names. */
export function tagsLike(org: string, image: string, text: string) {
  return {
    queryKey: ['tags', org, image, 'like', text],
    queryFn: async () => {
      const page = await data(
        api.GET('/v3/manage/namespaces/{namespace}/repos/{repository}/tags', {
          params: { path: { namespace: org, repository: inPath(image) }, query: { limit: 50, tag: text === '' ? undefined : text } },
        }),
      );
      return page.tags.map((tag) => tag.tag);
    },
  };
}
