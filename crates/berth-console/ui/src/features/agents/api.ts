import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** A node agent. */
export type Agent = components['schemas']['Agent'];

/** Most agents that the server lists. */
export const LISTED_MAX = 1000;

/** Those that are connected come and go: how often one looks, in milliseconds. */
const AGENTS_EVERY = 5000;

/** The node agents of the account, and for the operator what all of them share. For administrators. */
export const agentsQuery = queryOptions({
  queryKey: ['agents'],
  refetchInterval: AGENTS_EVERY,
  queryFn: () => data(api.GET('/v2/manage/agents')),
});
