import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import { bodyOf, type Draft, type Trigger } from './draft';

/** One time that a trigger acts. */
export type Run = components['schemas']['TriggerRunDocument'];
/** What a trigger would do. */
export type Trial = components['schemas']['TriggerPreviewDocument'];
/** What a push set a webhook to tell. */
export type Delivery = components['schemas']['ShownDelivery'];
/** What came of a test delivery. */
export type Ping = components['schemas']['PingResult'];

const IMAGE = '/v2/manage/namespaces/{namespace}/repos/{repository}';
const TRIGGER = `${IMAGE}/triggers/{trigger}` as const;

/** Of which image a trigger is. */
export interface Place {
  org: string;
  image: string;
}

const path = ({ org, image }: Place) => ({ namespace: org, repository: inPath(image) });

/** The triggers of an image. */
export function triggersQuery(of: Place) {
  return queryOptions({
    queryKey: ['triggers', of.org, of.image],
    placeholderData: undefined,
    queryFn: () => data(api.GET(`${IMAGE}/triggers`, { params: { path: path(of) } })),
  });
}

/** Where the image runs, by the last look into each cluster. */
export function workloadsQuery(of: Place) {
  return queryOptions({
    queryKey: ['clusters', 'workloads', of.org, of.image],
    queryFn: () => data(api.GET(`${IMAGE}/workloads`, { params: { path: path(of) } })),
  });
}

/** The clusters of the account. */
export const clustersQuery = queryOptions({
  queryKey: ['clusters'],
  placeholderData: undefined,
  queryFn: () => data(api.GET('/v2/manage/clusters')),
});

/** Sets a trigger up; answers the secret of its webhook when the server made it. */
export async function createTrigger(of: Place, draft: Draft): Promise<string | undefined> {
  const made = await data(api.POST(`${IMAGE}/triggers`, { params: { path: path(of) }, body: bodyOf(draft) }));
  return made.webhook_secret ?? undefined;
}

/** Puts another trigger in the place of the one of this name. */
export async function replaceTrigger(of: Place, name: string, draft: Draft): Promise<void> {
  await api.PUT(TRIGGER, { params: { path: { ...path(of), trigger: name } }, body: bodyOf({ ...draft, name }) });
}

/** Switches a trigger on or off. */
export async function enableTrigger(of: Place, name: string, enabled: boolean): Promise<void> {
  await api.PATCH(TRIGGER, { params: { path: { ...path(of), trigger: name } }, body: { enable: String(enabled) } });
}

/** Deletes a trigger with its record. */
export async function deleteTrigger(of: Place, name: string): Promise<void> {
  await api.DELETE(TRIGGER, { params: { path: { ...path(of), trigger: name } } });
}

/** What a trigger that is set up would do. */
export function tryTrigger(of: Place, name: string, tag: string | undefined): Promise<Trial> {
  const body = tag === undefined ? {} : { tag };
  return data(api.POST(`${TRIGGER}/dry-run`, { params: { path: { ...path(of), trigger: name } }, body }));
}

/** What a trigger would do that is not set up. */
export function tryDraft(of: Place, draft: Draft): Promise<Trial> {
  return data(api.POST(`${IMAGE}/trigger-dry-runs`, { params: { path: path(of) }, body: { trigger: bodyOf(draft) } }));
}

/** Rolls a tag out, or tells the webhook of it, now. */
export function runTrigger(of: Place, name: string, tag: string): Promise<Run> {
  return data(api.POST(`${TRIGGER}/run`, { params: { path: { ...path(of), trigger: name } }, body: { tag } }));
}

/** A part of the runs of a trigger. */
export function readRuns(of: Place, name: string, marker: string | undefined) {
  const query = { limit: 30, ...(marker === undefined ? {} : { marker }) };
  return data(api.GET(`${TRIGGER}/runs`, { params: { path: { ...path(of), trigger: name }, query } }));
}

/** Puts the images from before a run back. */
export function undoRun(of: Place, name: string, run: number): Promise<Run> {
  return data(api.POST(`${TRIGGER}/runs/{run_id}/undo`, { params: { path: { ...path(of), trigger: name, run_id: run } } }));
}

/** A part of the deliveries of a webhook. */
export function readDeliveries(of: Place, name: string, marker: string | undefined) {
  const query = { limit: 30, ...(marker === undefined ? {} : { marker }) };
  return data(api.GET(`${TRIGGER}/deliveries`, { params: { path: { ...path(of), trigger: name }, query } }));
}

/** A delivery with the event that it tells. */
export function deliveryQuery(of: Place, name: string, id: number) {
  return queryOptions({
    queryKey: ['triggers', of.org, of.image, name, 'delivery', id],
    queryFn: () => data(api.GET(`${TRIGGER}/deliveries/{delivery_id}`, { params: { path: { ...path(of), trigger: name, delivery_id: id } } })),
  });
}

/** Makes a delivery once more. */
export async function redeliver(of: Place, name: string, id: number): Promise<void> {
  await api.POST(`${TRIGGER}/deliveries/{delivery_id}/redeliver`, { params: { path: { ...path(of), trigger: name, delivery_id: id } } });
}

/** Makes all deliveries once more that were given up; answers how many. */
export async function redeliverDead(of: Place, name: string): Promise<number> {
  const again = await data(api.POST(`${TRIGGER}/redeliver`, { params: { path: { ...path(of), trigger: name } } }));
  return again.redelivered;
}

/** Sends a test. */
export function ping(of: Place, name: string): Promise<Ping> {
  return data(api.POST(`${TRIGGER}/ping`, { params: { path: { ...path(of), trigger: name } } }));
}

/** Another secret, which the server makes. */
export async function replaceSecret(of: Place, name: string): Promise<string> {
  const made = await data(api.PUT(`${TRIGGER}/secret`, { params: { path: { ...path(of), trigger: name } }, body: {} }));
  return made.webhook_secret ?? '';
}

/** The names of tags that begin so, the newest first, to choose from. */
export function tagNamesQuery(of: Place, text: string) {
  return queryOptions({
    queryKey: ['tags', of.org, of.image, 'names', text],
    queryFn: async () => {
      const filter = `${text === '' ? '' : `tag::${text}|`}limit::20|offset::0`;
      const tags = await data(api.GET(`${IMAGE}/tags`, { params: { path: path(of), query: { filter } } }));
      return tags.map((tag) => tag.Tag);
    },
  });
}

/** A trigger by its name. */
export function named(triggers: Trigger[], name: string | undefined): Trigger | undefined {
  return triggers.find((trigger) => trigger.name === name);
}
