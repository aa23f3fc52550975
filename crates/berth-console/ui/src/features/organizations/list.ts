import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { ApiError } from '../../api/errors';
import { useSession } from '../../app/session';
import type { Part } from '../../components/rows';
import type { Right } from '../image/panel';
import { rightOf } from '../images/list';

/** An organization, and what the reader may do in it. */
export interface SeenOrganization {
  name: string;
  creator_name: string;
  right: Right | undefined;
}

/** What of the list is shown. */
export interface OrganizationsWanted {
  text: string;
  column: string;
  descending: boolean;
}

/** A part of the list of the reader's organizations. */
export async function readOrganizations({ text, descending }: OrganizationsWanted, offset: number, limit: number): Promise<Part<SeenOrganization>> {
  const filter = text === '' ? 'mode::visible' : `namespace::${text}|mode::visible`;
  const { namespaces } = await data(api.GET('/v2/manage/namespaces', { params: { query: { filter } } }));
  const rows = namespaces.map((one) => ({ name: one.name, creator_name: one.creator_name, right: rightOf(one.auth) }));
  rows.sort((a, b) => (descending ? b.name.localeCompare(a.name) : a.name.localeCompare(b.name)));
  return { rows: rows.slice(offset, offset + limit), total: rows.length };
}

/** An organization, for its page. */
export function useOrganization(org: string): SeenOrganization {
  return useSuspenseQuery({
    queryKey: ['organization', org],
    queryFn: async () => {
      const one = await data(api.GET('/v2/manage/namespaces/{namespace}', { params: { path: { namespace: org } } }));
      return { name: one.name, creator_name: one.creator_name, right: rightOf(one.auth) };
    },
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
