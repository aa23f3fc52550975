import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';

/** An image that nodes shall have. */
export type Preheat = components['schemas']['Preheat'];
/** The same with each of its nodes. */
export type PreheatDetail = components['schemas']['PreheatDetail'];
/** How a node stands to it. */
export type PreheatNode = components['schemas']['PreheatNode'];
/** The making of an image's indexes for lazy starts. */
export type LazyRun = components['schemas']['LazyRunDocument'];
/** What was made of one image of a run. */
export type LazyImage = components['schemas']['LazyImageDocument'];
/** Which pushes are followed by an index. */
export type LazyRule = components['schemas']['LazyRuleDocument'];

/** Which pushes go to which nodes. */
export type PreheatRule = components['schemas']['PreheatRule'];
/** The same as it is set. */
export type WantedRule = Required<components['schemas']['PreheatRuleBody']>;

/** An image, or an organization for all its images. */
export interface Place {
  org: string;
  image?: string | undefined;
}

/** An image alone. */
export type ImagePlace = Required<Place>;

const ORGANIZATION = '/v2/manage/namespaces/{namespace}';
const IMAGE = `${ORGANIZATION}/repos/{repository}` as const;

/** While something is under way it is read again after so many milliseconds. */
export const AGAIN_MS = 2000;

const path = ({ org, image }: ImagePlace) => ({ namespace: org, repository: inPath(image) });

/** Whether nodes are still waited for. */
export const isRunning = (preheat: Preheat): boolean => preheat.state === 'running';

/** Whether it did not end yet. */
export const isOpen = (run: LazyRun): boolean => run.status === 'waiting' || run.status === 'running';

/** The newest preheats of an image. */
export const preheatsQuery = (of: ImagePlace) =>
  queryOptions({
    queryKey: ['preheats', of.org, of.image],
    placeholderData: undefined,
    queryFn: () => data(api.GET(`${IMAGE}/preheats`, { params: { path: path(of) } })),
    refetchInterval: ({ state }) => (state.data?.some(isRunning) === true ? AGAIN_MS : false),
  });

/** A preheat with its nodes. */
export const preheatQuery = (of: ImagePlace, id: number) =>
  queryOptions({
    queryKey: ['preheats', of.org, of.image, id],
    placeholderData: undefined,
    queryFn: () => data(api.GET(`${IMAGE}/preheats/{preheat}`, { params: { path: { ...path(of), preheat: id } } })),
    refetchInterval: ({ state }) => (state.data !== undefined && isRunning(state.data) ? AGAIN_MS : false),
  });

/** Has a tag on all connected nodes with these labels. */
export const startPreheat = (of: ImagePlace, tag: string, labels: Record<string, string>): Promise<Preheat> =>
  data(api.POST(`${IMAGE}/preheats`, { params: { path: path(of) }, body: { tag, nodes: { labels } } }));

/** Tells no more nodes of it. */
export const cancelPreheat = (of: ImagePlace, id: number) => api.DELETE(`${IMAGE}/preheats/{preheat}`, { params: { path: { ...path(of), preheat: id } } });

/** A part of what was done to have an image start lazily, the newest first. */
export async function readLazyRuns(of: ImagePlace, marker: string | undefined): Promise<{ rows: LazyRun[]; next: string | undefined }> {
  const query = { limit: 50, ...(marker === undefined ? {} : { marker }) };
  const page = await data(api.GET(`${IMAGE}/lazy_indexes`, { params: { path: path(of), query } }));
  return { rows: page.runs, next: page.nextMarker?.toString() };
}

/** Has the index of a tag made. */
export const makeLazyIndex = (of: ImagePlace, tag: string): Promise<LazyRun> => data(api.POST(`${IMAGE}/lazy_indexes`, { params: { path: path(of) }, body: { reference: tag } }));

/** No rule is an answer like another. */
function orNone<T>(asked: Promise<T>, code: string): Promise<T | null> {
  return asked.catch((error: unknown) => {
    if (error instanceof ApiError && error.code.endsWith(code)) return null;
    throw error;
  });
}

/** The rule of a place about indexes; `null` for none. */
export const lazyRuleQuery = ({ org, image }: Place) =>
  queryOptions({
    queryKey: ['lazy', org, image ?? null, 'rule'],
    placeholderData: undefined,
    queryFn: () =>
      orNone(
        image === undefined
          ? data(api.GET(`${ORGANIZATION}/lazy_rule`, { params: { path: { namespace: org } } }))
          : data(api.GET(`${IMAGE}/lazy_rule`, { params: { path: path({ org, image }) } })),
        '4040135',
      ),
  });

/** Sets the rule of a place: the pattern of tags, empty for all. */
export async function setLazyRule({ org, image }: Place, tags: string): Promise<void> {
  if (image === undefined) await api.PUT(`${ORGANIZATION}/lazy_rule`, { params: { path: { namespace: org } }, body: { tags } });
  else await api.PUT(`${IMAGE}/lazy_rule`, { params: { path: path({ org, image }) }, body: { tags } });
}

/** Ends the rule of a place. */
export async function removeLazyRule({ org, image }: Place): Promise<void> {
  if (image === undefined) await api.DELETE(`${ORGANIZATION}/lazy_rule`, { params: { path: { namespace: org } } });
  else await api.DELETE(`${IMAGE}/lazy_rule`, { params: { path: path({ org, image }) } });
}

/** The rule of a place about preheats; `null` for none. */
export const preheatRuleQuery = ({ org, image }: Place) =>
  queryOptions({
    queryKey: ['preheats', org, image ?? null, 'rule'],
    placeholderData: undefined,
    queryFn: () =>
      orNone(
        image === undefined
          ? data(api.GET(`${ORGANIZATION}/preheat_rule`, { params: { path: { namespace: org } } }))
          : data(api.GET(`${IMAGE}/preheat_rule`, { params: { path: path({ org, image }) } })),
        '4040136',
      ),
  });

/** Sets the rule of a place. One that is switched off keeps what it says. */
export async function setPreheatRule({ org, image }: Place, rule: WantedRule): Promise<void> {
  if (image === undefined) await api.PUT(`${ORGANIZATION}/preheat_rule`, { params: { path: { namespace: org } }, body: rule });
  else await api.PUT(`${IMAGE}/preheat_rule`, { params: { path: path({ org, image }) }, body: rule });
}
