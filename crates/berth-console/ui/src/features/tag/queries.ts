import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';

type Schemas = components['schemas'];
export type TagDetail = Schemas['TagDetail'];
export type ImageContent = Schemas['ImageContent'];
export type LayerDocument = Schemas['LayerDocument'];
export type HistoryEntry = Schemas['TagHistoryEntry'];

/** A tag of an image. */
export interface TagPlace {
  org: string;
  image: string;
  tag: string;
}

/** The place in paths of the API. */
export function tagPath({ org, image, tag }: TagPlace) {
  return { namespace: org, repository: inPath(image), tag };
}

/** Nothing where the server says that there is nothing. */
export async function ifThere<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** What a tag names, for one platform of it; `null` when there is no such tag. */
export function detailQuery(place: TagPlace, platform: string | undefined) {
  return queryOptions({
    queryKey: ['tag', place.org, place.image, place.tag, 'detail', platform ?? null],
    // Never what another platform has.
    placeholderData: undefined,
    queryFn: () =>
      ifThere(
        data(
          api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/detail', {
            params: { path: tagPath(place), query: platform === undefined ? {} : { platform } },
          }),
        ),
      ),
  });
}

/** What the list says of a tag. */
export function tagQuery(place: TagPlace) {
  return queryOptions({
    queryKey: ['tag', place.org, place.image, place.tag],
    placeholderData: undefined,
    queryFn: () => ifThere(data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}', { params: { path: tagPath(place) } }))),
  });
}

/** What a tag holds; `null` for who has no right of their own on the image. */
export function ledgerQuery(place: TagPlace) {
  return queryOptions({
    queryKey: ['tag', place.org, place.image, place.tag, 'ledger'],
    placeholderData: undefined,
    queryFn: async () => {
      try {
        return await data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/ledger', { params: { path: tagPath(place) } }));
      } catch (error) {
        if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return null;
        throw error;
      }
    },
  });
}

/** A page of where a tag was. */
export async function readHistory(place: TagPlace, marker: string | undefined): Promise<{ rows: HistoryEntry[]; next: string | undefined }> {
  const page = await data(
    api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/history', {
      params: { path: tagPath(place), query: marker === undefined ? {} : { marker } },
    }),
  );
  return { rows: page.history, next: page.nextMarker === null || page.nextMarker === undefined ? undefined : String(page.nextMarker) };
}

/** Sets a tag back to what it named. */
export function restore(place: TagPlace, digest: string): Promise<unknown> {
  return data(api.POST('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/restore', { params: { path: tagPath(place) }, body: { digest } }));
}
