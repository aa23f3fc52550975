import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** A user, with where they may sign in. */
export type User = components['schemas']['IamUser'];

/** One user; they themselves and administrators may read them. */
export const userQuery = (id: string) =>
  queryOptions({
    queryKey: ['users', id],
    placeholderData: undefined,
    queryFn: async () => (await data(api.GET('/v3.0/OS-USER/users/{user_id}', { params: { path: { user_id: id } } }))).user,
  });
