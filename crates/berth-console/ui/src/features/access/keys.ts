import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** An access key, without its secret. */
export type Key = components['schemas']['ShownCredential'];

/** An access key with its secret, at the only moment when that can be seen. */
export type NewKey = components['schemas']['CredentialWithSecret'];

/** Keys that one user may have, as the API counts them. */
export const KEYS_MAX = 20;

/** The access keys of a user. */
export const keysQuery = (user: string) =>
  queryOptions({
    queryKey: ['keys', user],
    placeholderData: undefined,
    queryFn: async (): Promise<Key[]> => {
      const { credentials } = await data(api.GET('/v3.0/OS-CREDENTIAL/credentials', { params: { query: { user_id: user } } }));
      return credentials;
    },
  });

/** Makes an access key; its secret is in this answer only. */
export async function createKey(user: string, description: string): Promise<NewKey> {
  const { credential } = await data(
    api.POST('/v3.0/OS-CREDENTIAL/credentials', { body: { credential: { user_id: user, description } } }),
  );
  return credential;
}

/** Switches or describes a key. */
export function changeKey(access: string, credential: components['schemas']['UpdateCredentialFields']): Promise<unknown> {
  return data(
    api.PUT('/v3.0/OS-CREDENTIAL/credentials/{access_key}', { params: { path: { access_key: access } }, body: { credential } }),
  );
}

/** Ends a key, and every login made with it. */
export function deleteKey(access: string): Promise<unknown> {
  return data(api.DELETE('/v3.0/OS-CREDENTIAL/credentials/{access_key}', { params: { path: { access_key: access } } }));
}
