import { queryOptions, useQueryClient } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { paths } from '../../api/schema';
import type { Order } from '../../components/DataTable';
import { type Part, type RowSource, useOffsetRows } from '../../components/rows';

/** A tag with all that the list shows of it. */
export type TagRow = paths['/v2/manage/images/{namespace}/{repository}/tags']['get']['responses'][200]['content']['application/json']['tags'][number];

/** What is listed of an image's tags. */
export interface TagsWanted {
  org: string;
  image: string;
  /** A part of the name. */
  text: string;
  order: Order | undefined;
}

/** The tags of an image, as they come into sight. */
export function useTags(wanted: TagsWanted): RowSource<TagRow> {
  return useOffsetRows({
    key: ['tags', wanted.org, wanted.image, wanted.text, wanted.order?.column, wanted.order?.descending],
    read: (offset, limit) => readTags(wanted, offset, limit),
  });
}

async function readTags({ org, image, text, order }: TagsWanted, offset: number, limit: number): Promise<Part<TagRow>> {
  const sort = order === undefined ? {} : { order_column: order.column, order_type: order.descending ? ('desc' as const) : ('asc' as const) };
  const page = await data(
    api.GET('/v2/manage/images/{namespace}/{repository}/tags', {
      params: {
        path: { namespace: org, repository: inPath(image) },
        query: { offset, limit, with_layers: true, ...sort, ...(text === '' ? {} : { text }) },
      },
    }),
  );
  return { rows: page.tags, total: page.total };
}

/** Tags that name the same manifest as one does, itself among them; the first hundred. */
export function sameQuery(org: string, image: string, digest: string) {
  return queryOptions({
    queryKey: ['tags', org, image, 'same', digest],
    placeholderData: undefined,
    queryFn: async () => {
      const page = await data(
        api.GET('/v2/manage/images/{namespace}/{repository}/tags', {
          params: { path: { namespace: org, repository: inPath(image) }, query: { digest } },
        }),
      );
      return page.tags;
    },
  });
}

/** Deletes tags one after another; answers what went wrong with which. */
export async function deleteTags(org: string, image: string, tags: string[], onDone: (tag: string) => void): Promise<{ tag: string; error: Error }[]> {
  const failures: { tag: string; error: Error }[] = [];
  for (const tag of tags) {
    try {
      await api.DELETE('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}', {
        params: { path: { namespace: org, repository: inPath(image), tag } },
      });
      onDone(tag);
    } catch (error) {
      failures.push({ tag, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return failures;
}

/** Sets a tag to what another one names. */
export function retag(org: string, image: string, source: string, destination: string, override: boolean): Promise<unknown> {
  return data(
    api.POST('/v2/manage/namespaces/{namespace}/repos/{repository}/tags', {
      params: { path: { namespace: org, repository: inPath(image) } },
      body: { source_tag: source, destination_tag: destination, override },
    }),
  );
}

/** Lets everything that shows an image's tags be read again. */
export function useTagsChanged(org: string, image: string): () => void {
  const queries = useQueryClient();
  return () => {
    for (const queryKey of [['tags', org, image], ['tag', org, image], ['image', org, image], ['images'], ['bin']]) {
      void queries.invalidateQueries({ queryKey });
    }
  };
}

/** Takes tags out of the lists on the page at once, before the server is asked again. */
export function useTagsGone(org: string, image: string): (gone: ReadonlySet<string>) => void {
  const queries = useQueryClient();
  return (gone) => {
    queries.setQueriesData<Part<TagRow> | TagRow[]>({ queryKey: ['tags', org, image] }, (part) => {
      if (part === undefined || Array.isArray(part)) return part;
      return { rows: part.rows.filter((row) => !gone.has(row.tag)), total: Math.max(part.total - gone.size, 0) };
    });
  };
}
