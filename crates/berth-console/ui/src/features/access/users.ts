import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** A user, with where they may sign in. */
export type User = components['schemas']['IamUser'];

/** A user as lists have them. */
export type ListedUser = components['schemas']['KeystoneUser'];

/** A group of users. */
export type Group = components['schemas']['IamGroup'];

/** Where a user may sign in. */
export type AccessMode = components['schemas']['AccessMode'];

/** The access types, the usual one first. */
export const ACCESS_MODES: readonly AccessMode[] = ['default', 'programmatic', 'console'];

/** Characters that a password has at least. */
export const PASSWORD_MIN = 8;

/** Characters that a description has at most. */
export const DESCRIPTION_MAX = 255;

/** Whether a user or group may have this name. */
export function isPersonName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
}

/** One user; they themselves and administrators may read them. */
export const userQuery = (id: string) =>
  queryOptions({
    queryKey: ['users', id],
    placeholderData: undefined,
    queryFn: async () => (await data(api.GET('/v3.0/OS-USER/users/{user_id}', { params: { path: { user_id: id } } }))).user,
  });

/** The users of the account; the API has no pages of them. For its administrators. */
export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: async () => (await data(api.GET('/v3/users'))).users,
});

/** The groups of the account. For its administrators. */
export const groupsQuery = queryOptions({
  queryKey: ['groups'],
  queryFn: async () => (await data(api.GET('/v3/groups'))).groups,
});

/** One group. */
export const groupQuery = (id: string) =>
  queryOptions({
    queryKey: ['groups', id],
    placeholderData: undefined,
    queryFn: async () => (await data(api.GET('/v3/groups/{group_id}', { params: { path: { group_id: id } } }))).group,
  });

/** Who is in a group. */
export const membersQuery = (id: string) =>
  queryOptions({
    queryKey: ['groups', id, 'users'],
    placeholderData: undefined,
    queryFn: async () => (await data(api.GET('/v3/groups/{group_id}/users', { params: { path: { group_id: id } } }))).users,
  });

/** The groups that a user is in. */
export const groupsOfQuery = (user: string) =>
  queryOptions({
    queryKey: ['groups', 'of', user],
    placeholderData: undefined,
    queryFn: async () => (await data(api.GET('/v3/users/{user_id}/groups', { params: { path: { user_id: user } } }))).groups,
  });

/** Puts a user into a group. */
export function joinGroup(group: string, user: string): Promise<unknown> {
  return data(api.PUT('/v3/groups/{group_id}/users/{user_id}', { params: { path: { group_id: group, user_id: user } } }));
}

/** Takes a user out of a group. */
export function leaveGroup(group: string, user: string): Promise<unknown> {
  return data(api.DELETE('/v3/groups/{group_id}/users/{user_id}', { params: { path: { group_id: group, user_id: user } } }));
}

const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789';

/** A random password of 20 characters that nobody misreads. */
export function randomPassword(): string {
  const found: string[] = [];
  while (found.length < 20) {
    for (const byte of crypto.getRandomValues(new Uint8Array(64))) {
      // Beyond the last whole multiple, some characters would be likelier than others.
      if (byte < 256 - (256 % ALPHABET.length)) found.push(ALPHABET.charAt(byte % ALPHABET.length));
    }
  }
  return found.slice(0, 20).join('');
}
