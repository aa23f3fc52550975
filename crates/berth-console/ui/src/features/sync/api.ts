import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import type { Part } from '../../components/rows';

/** A copy of a tag to another region. */
export type Copy = components['schemas']['SyncCopy'];
/** How copies to a destination stand. */
export type Destination = components['schemas']['SyncDestination'];
/** A destination that pushes are sent to. */
export type Rule = components['schemas']['SyncRepo'];
/** A region in the list. */
export type Region = components['schemas']['ListedRegion'];

const IMAGE = '/v2/manage/namespaces/{namespace}/repos/{repository}';

/** Of which image this is. */
export interface Place {
  org: string;
  image: string;
}

/** Where to, and how. */
export interface Target {
  region: string;
  organization: string;
  override: boolean;
}

const path = ({ org, image }: Place) => ({ namespace: org, repository: inPath(image) });

/** The regions that images can be sent to; this one is the first of the API's list. */
export const regionsQuery = queryOptions({
  queryKey: ['regions'],
  placeholderData: undefined,
  queryFn: () => data(api.GET('/v2/manage/regions')),
});

/** Where an image's pushes are sent. */
export function rulesQuery(of: Place) {
  return queryOptions({
    queryKey: ['sync', of.org, of.image, 'rules'],
    placeholderData: undefined,
    queryFn: () => data(api.GET(`${IMAGE}/sync_repo`, { params: { path: path(of) } })),
  });
}

/** How each destination of an image stands. */
export function destinationsQuery(of: Place) {
  return queryOptions({
    queryKey: ['sync', of.org, of.image, 'status'],
    queryFn: () => data(api.GET(`${IMAGE}/sync_status`, { params: { path: path(of) } })),
    refetchInterval: (query) => ((query.state.data ?? []).some((one) => one.waiting + one.running > 0) ? 2000 : false),
  });
}

/** A part of the copies of an image, newest first. */
export async function readCopies(of: Place, offset: number, limit: number): Promise<Part<Copy>> {
  const { data: rows = [], response } = await api.GET(`${IMAGE}/sync_copies`, { params: { path: path(of), query: { offset, limit } } });
  const total = Number(response.headers.get('content-range')?.split('/')[1]);
  return { rows, total: Number.isNaN(total) ? rows.length : total };
}

const there = (to: Target) => ({ remoteRegionId: to.region, remoteNamespace: to.organization, override: to.override });

/** Sends every push there from now on, and what is here when asked to. */
export async function addRule(of: Place, to: Target, existing: boolean): Promise<void> {
  await api.POST(`${IMAGE}/sync_repo`, { params: { path: path(of) }, body: { ...there(to), syncAuto: true, syncExisting: existing } });
}

/** Sends pushes there no longer. */
export async function removeRule(of: Place, rule: Pick<Rule, 'remoteRegionId' | 'remoteNamespace'>): Promise<void> {
  const body = { remoteRegionId: rule.remoteRegionId, remoteNamespace: rule.remoteNamespace };
  await api.DELETE(`${IMAGE}/sync_repo`, { params: { path: path(of) }, body });
}

/** Copies tags; none named means all. Answers those that the image has not. */
export async function copyTags(of: Place, to: Target, tags: string[]): Promise<string[]> {
  const body = { ...there(to), imageTag: tags, allTags: tags.length === 0 };
  return (await data(api.POST(`${IMAGE}/sync_images`, { params: { path: path(of) }, body }))) ?? [];
}

/** Stops a copy that has not ended. */
export async function cancelCopy(of: Place, id: number): Promise<void> {
  await api.POST(`${IMAGE}/sync_copies/{copy_id}/cancel`, { params: { path: { ...path(of), copy_id: id } } });
}

/** Tries a copy again that did not succeed. */
export async function retryCopy(of: Place, id: number): Promise<void> {
  await api.POST(`${IMAGE}/sync_copies/{copy_id}/retry`, { params: { path: { ...path(of), copy_id: id } } });
}
