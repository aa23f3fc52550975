import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';

/** Where a role is given: on the account (IAM's domain) or on its project. */
export interface Place {
  kind: 'domain' | 'project';
  id: string;
}

/** A role, and where a group has it. */
export interface GroupRole {
  id: string;
  name: string;
  display: string;
  given: { domain: boolean; project: boolean };
}

/** Every role, and where the group has it. */
export const rolesQuery = (group: string, domain: string, project: string) =>
  queryOptions({
    queryKey: ['groups', group, 'roles'],
    placeholderData: undefined,
    queryFn: async (): Promise<GroupRole[]> => {
      const [all, onDomain, onProject] = await Promise.all([
        data(api.GET('/v3/roles')),
        data(api.GET('/v3/domains/{domain_id}/groups/{group_id}/roles', { params: { path: { domain_id: domain, group_id: group } } })),
        data(api.GET('/v3/projects/{project_id}/groups/{group_id}/roles', { params: { path: { project_id: project, group_id: group } } })),
      ]);
      const has = (roles: { id: string }[], id: string) => roles.some((role) => role.id === id);
      return all.roles.map(({ id, name, display_name: display }) => ({
        id,
        name,
        display,
        given: { domain: has(onDomain.roles, id), project: has(onProject.roles, id) },
      }));
    },
  });

/** Gives a group a role at a place, or takes it away. */
export function switchRole(group: string, role: string, { kind, id }: Place, give: boolean): Promise<unknown> {
  if (kind === 'domain') {
    const options = { params: { path: { domain_id: id, group_id: group, role_id: role } } };
    const path = '/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}' as const;
    return data(give ? api.PUT(path, options) : api.DELETE(path, options));
  }
  const options = { params: { path: { project_id: id, group_id: group, role_id: role } } };
  const path = '/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}' as const;
  return data(give ? api.PUT(path, options) : api.DELETE(path, options));
}
