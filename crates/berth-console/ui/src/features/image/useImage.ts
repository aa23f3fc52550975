import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { paths } from '../../api/schema';
import type { Right } from './panel';

/** An image as its page shows it. */
export type Image = paths['/v2/manage/images/{namespace}/{repository}']['get']['responses'][200]['content']['application/json'];

/** What an image is and says of itself, and what the reader may do with it. */
export function imageQuery(org: string, image: string) {
  return queryOptions({
    queryKey: ['image', org, image],
    queryFn: () => data(api.GET('/v2/manage/images/{namespace}/{repository}', { params: { path: { namespace: org, repository: inPath(image) } } })),
    placeholderData: undefined,
  });
}

/**
 * The image of a page, and what the reader may do with it. `isOwn`: the right is their own, by the account, the organization
 * or the image; who only has it shared, or finds it public, pulls and no more.
 */
export function useImage(org: string, name: string): { image: Image; right: Right; isOwn: boolean } {
  const image = useSuspenseQuery(imageQuery(org, name)).data;
  const rights = image.self_rights;
  const isOwn = rights != null && rights.source !== 'share' && rights.source !== 'public';
  return { image, right: rights?.permission ?? 'read', isOwn };
}
