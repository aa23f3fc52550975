import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** What an account may have at most; what is null has no limit of its own. */
export type AccountLimits = components['schemas']['AccountQuotas'];

/** Units in which people give bytes. */
export const UNITS = { MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** A unit of bytes. */
export type Unit = keyof typeof UNITS;

/** A number of bytes in the largest unit in which it is whole; in MiB otherwise. */
export function inUnit(bytes: number): { amount: number; unit: Unit } {
  for (const unit of ['TiB', 'GiB'] as const) {
    if (bytes > 0 && bytes % UNITS[unit] === 0) return { amount: bytes / UNITS[unit], unit };
  }
  return { amount: bytes / UNITS.MiB, unit: 'MiB' };
}

/** What the caller and their account use of what they may. */
export const usedQuery = (project: string) =>
  queryOptions({
    queryKey: ['quotas', 'used'],
    queryFn: async () => (await data(api.GET('/v2/manage/projects/{project_id}/quotas', { params: { path: { project_id: project } } }))).quotas,
  });

/** The limits of an account. For its administrators. */
export const limitsQuery = (account: string) =>
  queryOptions({
    queryKey: ['quotas', 'account', account],
    placeholderData: undefined,
    queryFn: () => data(api.GET('/v2/manage/domains/{domain_name}/quotas', { params: { path: { domain_name: account } } })),
  });

/** Sets the limits of an account; for the operator. */
export function setLimits(account: string, body: AccountLimits): Promise<unknown> {
  return data(api.PUT('/v2/manage/domains/{domain_name}/quotas', { params: { path: { domain_name: account } }, body }));
}
