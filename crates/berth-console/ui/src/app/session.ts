import { use } from 'react';
import { queryOptions, useQuery, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { api, data, rememberProof } from '../api/client';
import { ApiError } from '../api/errors';
import type { components } from '../api/schema';

/** Who is signed in. */
export type Session = components['schemas']['SignedIn'];

/** Who is signed in; `null` for nobody. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  staleTime: 5 * 60_000,
  retry: false,
  placeholderData: undefined,
  queryFn: async (): Promise<Session | null> => {
    try {
      const session = await data(api.GET('/v2/manage/sessions'));
      rememberProof(session.csrf_token ?? null);
      return session;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
});

const NEVER = new Promise<Session>(() => undefined);

/** Who is signed in, on pages that need somebody. */
export function useSession(): Session {
  const { data: session } = useSuspenseQuery(sessionQuery);
  // Who just signed out sees the page until the next one is there.
  return session ?? use(NEVER);
}

/** Who is signed in, on pages that anybody may see; `null` for nobody. */
export function useMaybeSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

/** What a person types to sign in. */
export interface Credentials {
  account: string;
  user: string;
  password: string;
}

/** Signs in, and lets every page know. */
export function useSignIn(): (credentials: Credentials) => Promise<Session> {
  const queries = useQueryClient();
  return async ({ account, user, password }) => {
    const body = { user, password, ...(account === '' ? {} : { account }) };
    const session = await data(api.POST('/v2/manage/sessions', { body }));
    rememberProof(session.csrf_token ?? null);
    queries.setQueryData(sessionQuery.queryKey, session);
    return session;
  };
}

/** Signs out here and on the server. `leave` goes to a page that needs nobody; then nothing that was read stays. */
export function useSignOut(): (leave: () => Promise<void>) => Promise<void> {
  const queries = useQueryClient();
  return async (leave) => {
    await api.DELETE('/v2/manage/sessions').catch((error: unknown) => {
      // A session that ended already is signed out.
      if (!(error instanceof ApiError) || error.status === 0) throw error;
    });
    rememberProof(null);
    await leave();
    queries.clear();
    queries.setQueryData(sessionQuery.queryKey, null);
  };
}
