import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';
import { useSession } from '../../app/session';
import type { Part } from '../../components/rows';

/** An organization, and what the reader may do in it. */
export type SeenOrganization = components['schemas']['OrganizationDocument'];

/** What of the list is shown. */
export interface OrganizationsWanted {
  text: string;
  column: string;
  descending: boolean;
}

/** A part of the list of the reader's organizations. */
export async function readOrganizations(wanted: OrganizationsWanted, offset: number, limit: number): Promise<Part<SeenOrganization>> {
  const query = {
    offset,
    limit,
    order_column: wanted.column,
    order_type: wanted.descending ? ('desc' as const) : ('asc' as const),
    ...(wanted.text === '' ? {} : { text: wanted.text.toLowerCase() }),
  };
  const { organizations, total } = await data(api.GET('/v2/manage/organizations', { params: { query } }));
  return { rows: organizations, total };
}

/** An organization, for its page. */
export function useOrganization(org: string): SeenOrganization {
  return useSuspenseQuery({
    queryKey: ['organization', org],
    queryFn: () => data(api.GET('/v2/manage/organizations/{namespace}', { params: { path: { namespace: org } } })),
  }).data;
}

/** How many organizations the reader created, and may create; nothing without a quota. */
export function useOrganizationQuota(): { used: number; limit: number } | undefined {
  const { project_id } = useSession();
  const quotas = useQuery({
    queryKey: ['organizations', 'quota'],
    queryFn: () => data(api.GET('/v2/manage/projects/{project_id}/quotas', { params: { path: { project_id } } })),
  });
  const row = quotas.data?.quotas.find((one) => one.quota_key === 'namespace');
  return row === undefined ? undefined : { used: row.used, limit: row.quota_limit };
}

/** What an organization holds in bytes; nothing for who may not know it. */
export function useOrganizationLedger(org: string) {
  return useQuery({
    queryKey: ['organization', org, 'ledger'],
    placeholderData: undefined,
    queryFn: async () => {
      try {
        return await data(api.GET('/v2/manage/namespaces/{namespace}/ledger', { params: { path: { namespace: org } } }));
      } catch (error) {
        if (error instanceof ApiError && error.status === 403) return null;
        throw error;
      }
    },
  });
}
