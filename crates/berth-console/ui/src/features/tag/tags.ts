import { useQueryClient } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import type { Order } from '../../components/DataTable';
import { type Part, type RowSource, useOffsetRows } from '../../components/rows';
import { type ManifestFacts, manifestFacts } from './manifest';

/** A tag in the list of an image. */
export interface TagRow {
  tag: string;
  digest: string;
  size: number;
  /** When it was pushed or moved last. */
  updated: string;
  immutable: boolean;
  /** What its manifest tells; nothing when the server left that out. */
  facts: ManifestFacts | undefined;
}

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
  // A filter in the form `key::value|key::value`; no tag holds these signs.
  const filter = text === '' ? {} : { filter: `tag::${text.replaceAll(/[:|]/g, ' ')}|offset::${offset}|limit::${limit}` };
  const sort = order === undefined ? {} : { order_column: order.column, order_type: order.descending ? ('desc' as const) : ('asc' as const) };
  const { data: rows, response } = await api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags', {
    params: { path: { namespace: org, repository: inPath(image) }, query: { offset, limit, ...sort, ...filter } },
  });
  const total = Number(response.headers.get('content-range')?.split('/')[1]);
  return { rows: (rows ?? []).map(row), total: Number.isNaN(total) ? (rows?.length ?? 0) : total };
}

function row(tag: components['schemas']['ListedTag']): TagRow {
  return { tag: tag.Tag, digest: tag.digest, size: tag.size, updated: tag.updated, immutable: tag.immutable, facts: manifestFacts(tag.manifest) };
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
    queries.setQueriesData<Part<TagRow>>({ queryKey: ['tags', org, image] }, (part) => {
      if (part === undefined) return part;
      return { rows: part.rows.filter((row) => !gone.has(row.tag)), total: Math.max(part.total - gone.size, 0) };
    });
  };
}
