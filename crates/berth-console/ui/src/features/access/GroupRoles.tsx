import { Checkbox, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSession } from '../../app/session';
import { Ask } from '../../components/Ask';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { type Place, rolesQuery, switchRole } from './roles';
import { accessTexts } from './texts';
import type { Group } from './users';

/** The roles that a group has, on the account and on the project. */
export function GroupRoles({ group }: { group: Group }) {
  const t = accessTexts.use().groups;
  const session = useSession();
  const places: [Place, string][] = [
    [{ kind: 'domain', id: session.domain_id }, t.onAccount],
    [{ kind: 'project', id: session.project_id }, t.onProject(session.project_name)],
  ];
  const roles = useQuery(rolesQuery(group.id, session.domain_id, session.project_id));
  return (
    <Panel title={t.roles}>
      <Text size="sm" c="dimmed" mb="sm">
        {t.rolesHelp}
      </Text>
      <Ask query={roles} rows={2}>
        {(all) => (
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t.role}</Table.Th>
                {places.map(([place, label]) => (
                  <Table.Th key={place.kind}>{label}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {all.map((role) => (
                <Table.Tr key={role.id}>
                  <Table.Td>{t.roleNames[role.name] ?? role.display}</Table.Td>
                  {places.map(([place, label]) => (
                    <Table.Td key={place.kind}>
                      <Given
                        group={group}
                        role={role.id}
                        place={place}
                        given={role.given[place.kind]}
                        label={`${t.roleNames[role.name] ?? role.display}: ${label}`}
                      />
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Ask>
    </Panel>
  );
}

function Given({ group, role, place, given, label }: { group: Group; role: string; place: Place; given: boolean; label: string }) {
  const t = accessTexts.use().groups;
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (give: boolean) => switchRole(group.id, role, place, give),
    onSuccess: async (_, give) => {
      await queries.invalidateQueries({ queryKey: ['groups', group.id, 'roles'] });
      notify.done(give ? t.granted : t.revoked);
    },
    onError: notify.failed,
  });
  return (
    <Checkbox
      aria-label={label}
      checked={change.isPending ? change.variables : given}
      disabled={change.isPending}
      onChange={(event) => change.mutate(event.currentTarget.checked)}
    />
  );
}
