import { useQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { Right } from '../image/panel';
import { rightOf } from '../images/list';

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
  /** Whether the rights on the organization of an image are known to the reader. */
  whole: boolean;
}

const AUTH: Record<Right, number> = { read: 1, write: 3, manage: 7 };

/** The key of what is known about a place's rights. */
export function rightsKey({ org, image }: Place): string[] {
  return image === undefined ? ['organization', org, 'rights'] : ['image', org, image, 'rights'];
}

async function ofOrganization(org: string) {
  return data(api.GET('/v2/manage/namespaces/{namespace}/access', { params: { path: { namespace: org } } }));
}

/** The rights on the organization of an image; nothing for who may not see them. */
async function inherited(org: string) {
  try {
    return await ofOrganization(org);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return null;
    throw error;
  }
}

async function read({ org, image }: Place): Promise<Rights> {
  if (image === undefined) {
    const { self_auth: self, others_auths: others } = await ofOrganization(org);
    return {
      self: { id: self.user_id, name: self.user_name, right: rightOf(self.auth) },
      others: others.map((one) => ({ id: one.user_id, name: one.user_name, here: rightOf(one.auth), organization: undefined })),
      whole: true,
    };
  }
  const path = { namespace: org, repository: inPath(image) };
  const [own, above] = await Promise.all([
    data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/access', { params: { path } })),
    inherited(org),
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
  return {
    self: { id: self.user_id, name: self.user_name, right: rightOf(self.auth) },
    others: [...holders.values()],
    whole: above !== null,
  };
}

/** Who has rights on a place. */
export function useRights(place: Place) {
  return useQuery({ queryKey: rightsKey(place), queryFn: () => read(place), placeholderData: undefined });
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
