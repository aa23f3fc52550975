import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';

/** Something that was deleted and can be restored. */
export type Entry = components['schemas']['BinEntry'];

/** What an entry is of. */
export type Kind = components['schemas']['Kind'];

/** The kinds that can be asked for. */
export const KINDS: readonly Kind[] = ['tag', 'manifest', 'image'];

/** Of what the bin is asked. */
export interface BinFilter {
  namespace?: string | undefined;
  repository?: string | undefined;
  kind?: Kind | undefined;
}

/** A page of the bin, newest first. */
export async function readBin({ namespace, repository, kind }: BinFilter, marker: string | undefined) {
  const query = {
    ...(namespace ? { namespace } : {}),
    ...(namespace && repository ? { repository } : {}),
    ...(kind ? { kind } : {}),
    ...(marker === undefined ? {} : { marker }),
    limit: 100,
  };
  const page = await data(api.GET('/v2/manage/bin', { params: { query } }));
  return { rows: page.entries, next: page.nextMarker === null || page.nextMarker === undefined ? null : String(page.nextMarker) };
}

/** An entry with what is in its way. */
export const entryQuery = (id: number) =>
  queryOptions({
    queryKey: ['bin', 'entry', id],
    placeholderData: undefined,
    staleTime: 0,
    queryFn: () => data(api.GET('/v2/manage/bin/{entry_id}', { params: { path: { entry_id: id } } })),
  });

/** How much the bin of an organization holds. */
export const usageQuery = (namespace: string) =>
  queryOptions({
    queryKey: ['bin', 'usage', namespace],
    placeholderData: undefined,
    queryFn: () => data(api.GET('/v2/manage/namespaces/{namespace}/bin', { params: { path: { namespace } } })),
  });

/** Restores an entry. */
export function restore(id: number, body: components['schemas']['RestoreBinEntry']) {
  return data(api.POST('/v2/manage/bin/{entry_id}/restore', { params: { path: { entry_id: id } }, body }));
}

/** Ends an entry before its time. */
export function purge(id: number): Promise<unknown> {
  return data(api.DELETE('/v2/manage/bin/{entry_id}', { params: { path: { entry_id: id } } }));
}

/** Ends all entries of an organization, or of one image of it. */
export function empty(namespace: string, repository?: string) {
  if (repository === undefined) {
    return data(api.DELETE('/v2/manage/namespaces/{namespace}/bin', { params: { path: { namespace } } }));
  }
  const path = { namespace, repository: inPath(repository) };
  return data(api.DELETE('/v2/manage/namespaces/{namespace}/repos/{repository}/bin', { params: { path } }));
}

/** What an entry is of, in a line: `team/app:v1`, `team/app@sha256:...` or `team/app`. */
export function nameOf(entry: Entry): string {
  const image = `${entry.namespace}/${entry.repository}`;
  if (entry.kind === 'image') return image;
  if (entry.kind === 'tag' && entry.tags[0] !== undefined) return `${image}:${entry.tags[0]}`;
  return `${image}@${(entry.digest ?? '').slice(0, 19)}`;
}

/** The names of the organizations that the caller sees, to choose from. */
export const organizationsQuery = queryOptions({
  queryKey: ['organizations', 'names'],
  queryFn: async () => (await data(api.GET('/v2/manage/namespaces'))).namespaces.map((organization) => organization.name),
});
