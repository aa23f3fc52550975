import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';
import { useMaybeSession } from '../../app/session';
import type { Order } from '../../components/DataTable';
import { type RowSource, useMarkerRows, useOffsetRows } from '../../components/rows';

/** A public image in the list. */
export type PublicImage = components['schemas']['ImageOfList'];
/** A tag of a public image. */
export type PublicTag = components['schemas']['TagDocument'];

const settingsQuery = queryOptions({
  queryKey: ['console-settings'],
  staleTime: Infinity,
  queryFn: () => data(api.GET('/v2/manage/console-settings')),
});

/** What the registry says of itself to everybody. */
export function useSettings() {
  return useSuspenseQuery(settingsQuery).data;
}

/** Whether the one who looks may see public images. */
export function useMayLook(): boolean {
  const session = useMaybeSession();
  return useSettings().public_images_without_login || session !== null;
}

/** What of the image centre is wanted. */
export interface Wanted {
  text: string;
  category: string | undefined;
  architecture: string | undefined;
  order: Order;
}

/** Public images. */
export function usePublicImages({ text, category, architecture, order }: Wanted): RowSource<PublicImage> {
  return useOffsetRows({
    key: ['images', 'public', text, category, architecture, order.column, order.descending],
    read: async (offset, limit) => {
      const query = {
        set: 'public' as const,
        text: text || undefined,
        category,
        architecture,
        order_column: order.column,
        order_type: order.descending ? ('desc' as const) : ('asc' as const),
        offset,
        limit,
      };
      const page = await data(api.GET('/v2/manage/images', { params: { query } }));
      return { rows: page.images, total: page.total };
    },
  });
}

/** One public image; `null` for one that is not for everybody, or not there, while nobody is signed in. */
export function usePublicImage(org: string, image: string) {
  return useSuspenseQuery({
    queryKey: ['image', org, image, 'public'],
    queryFn: async () => {
      try {
        return await data(api.GET('/v2/manage/images/{namespace}/{repository}', { params: { path: { namespace: org, repository: inPath(image) } } }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
  }).data;
}

/** The tags of a public image. */
export function usePublicTags(org: string, image: string, text: string, order: Order): RowSource<PublicTag> {
  return useMarkerRows({
    key: ['tags', org, image, 'public', text, order.column, order.descending],
    read: async (marker) => {
      const path = { namespace: org, repository: inPath(image) };
      const sorted = { order_column: order.column, order_type: order.descending ? ('desc' as const) : ('asc' as const) };
      const query = { tag: text || undefined, with_manifest: true, limit: 100, marker, ...sorted };
      const page = await data(api.GET('/v3/manage/namespaces/{namespace}/repos/{repository}/tags', { params: { path, query } }));
      return { rows: page.tags, next: page.nextMarker };
    },
  });
}
