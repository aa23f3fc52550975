import { useQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import type { Right } from '../image/panel';
import { rightOf } from '../images/list';

/** What somebody's right comes from. */
export type RightSource = components['schemas']['RightSource'];

/** On what rights are given: an organization, or an image of it. */
export interface Place {
  org: string;
  image?: string | undefined;
}

/** A user with the rights that count for a place. */
export interface Holder {
  id: string;
  name: string;
  /** Given on the place itself. */
  here: Right | undefined;
  /** Given on the organization of an image. */
  organization: Right | undefined;
}

/** Who has rights on a place. */
export interface Rights {
  self: { id: string; name: string; right: Right };
  others: Holder[];
}

const AUTH: Record<Right, number> = { read: 1, write: 3, manage: 7 };

/** The key of what is known about a place's rights. */
export function rightsKey({ org, image }: Place): string[] {
  return image === undefined ? ['organization', org, 'rights'] : ['image', org, image, 'rights'];
}

async function ofOrganization(org: string) {
  return data(api.GET('/v2/manage/namespaces/{namespace}/access', { params: { path: { namespace: org } } }));
}

/** Whether the reader has a right on the organization itself, and so sees who has; a refusal is not asked for. */
async function seesOrganization(org: string, source: RightSource): Promise<boolean> {
  if (source === 'administrator' || source === 'organization') return true;
  const { self_rights: own } = await data(api.GET('/v2/manage/organizations/{namespace}', { params: { path: { namespace: org } } }));
  return own !== null && own !== undefined && own.source !== 'image';
}

async function read({ org, image }: Place, source: RightSource): Promise<Rights> {
  if (image === undefined) {
    const { self_auth: self, others_auths: others } = await ofOrganization(org);
    return {
      self: { id: self.user_id, name: self.user_name, right: rightOf(self.auth) },
      others: others.map((one) => ({ id: one.user_id, name: one.user_name, here: rightOf(one.auth), organization: undefined })),
    };
  }
  const path = { namespace: org, repository: inPath(image) };
  const [own, above] = await Promise.all([
    data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/access', { params: { path } })),
    seesOrganization(org, source).then((sees) => (sees ? ofOrganization(org) : null)),
  ]);
  const holders = new Map<string, Holder>();
  for (const one of own.others_auths) {
    holders.set(one.user_id, { id: one.user_id, name: one.user_name, here: rightOf(one.auth), organization: undefined });
  }
  for (const one of above?.others_auths ?? []) {
    const here = holders.get(one.user_id)?.here;
    holders.set(one.user_id, { id: one.user_id, name: one.user_name, here, organization: rightOf(one.auth) });
  }
  const self = own.self_auth;
  return { self: { id: self.user_id, name: self.user_name, right: rightOf(self.auth) }, others: [...holders.values()] };
}

/** Who has rights on a place. */
export function useRights(place: Place, source: RightSource) {
  return useQuery({ queryKey: rightsKey(place), queryFn: () => read(place, source), placeholderData: undefined });
}

/** Gives people a right that they do not have yet, all or none. */
export async function addRights({ org, image }: Place, ids: string[], right: Right): Promise<void> {
  const body = ids.map((user_id) => ({ user_id, auth: AUTH[right] }));
  if (image === undefined) {
    await api.POST('/v2/manage/namespaces/{namespace}/access', { params: { path: { namespace: org } }, body });
    return;
  }
  const path = { namespace: org, repository: inPath(image) };
  await api.POST('/v2/manage/namespaces/{namespace}/repos/{repository}/access', { params: { path }, body });
}

/** Gives somebody another right in the place of the one they have. */
export async function changeRight({ org, image }: Place, user_id: string, right: Right): Promise<void> {
  const body = [{ user_id, auth: AUTH[right] }];
  if (image === undefined) {
    await api.PATCH('/v2/manage/namespaces/{namespace}/access', { params: { path: { namespace: org } }, body });
    return;
  }
  const path = { namespace: org, repository: inPath(image) };
  await api.PATCH('/v2/manage/namespaces/{namespace}/repos/{repository}/access', { params: { path }, body });
}

/** Takes somebody's right on the place away. */
export async function removeRight({ org, image }: Place, user_id: string): Promise<void> {
  const body = [user_id];
  if (image === undefined) {
    await api.DELETE('/v2/manage/namespaces/{namespace}/access', { params: { path: { namespace: org } }, body });
    return;
  }
  const path = { namespace: org, repository: inPath(image) };
  await api.DELETE('/v2/manage/namespaces/{namespace}/repos/{repository}/access', { params: { path }, body });
}
