import { ActionIcon, Anchor, Group, Menu, Stack, Text, Tooltip } from '@mantine/core';
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus, X } from 'lucide-react';
import { Ask } from '../../components/Ask';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { accessTexts } from './texts';
import { type Group as UserGroup, groupsOfQuery, groupsQuery, joinGroup, leaveGroup, type User } from './users';

/** The groups that a user is in. */
export function UserGroups({ user }: { user: User }) {
  const t = accessTexts.use().users;
  const groups = useQuery(groupsOfQuery(user.id));
  return (
    <Panel title={t.groups} actions={<Join user={user} inside={groups.data ?? []} />}>
      <Ask query={groups} rows={2}>
        {(all) =>
          all.length === 0 ? (
            <Text size="sm" c="dimmed">
              {t.noGroups}
            </Text>
          ) : (
            <Stack gap={4}>
              {all.map((group) => (
                <Membership key={group.id} user={user} group={group} />
              ))}
            </Stack>
          )
        }
      </Ask>
    </Panel>
  );
}

function Membership({ user, group }: { user: User; group: UserGroup }) {
  const t = accessTexts.use().users;
  const queries = useQueryClient();
  const leave = useMutation({
    mutationFn: () => leaveGroup(group.id, user.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['groups'] }),
    onError: notify.failed,
  });
  return (
    <Group gap="xs">
      <Anchor component={Link} to={`/access/groups/${group.id}`} size="sm">
        {group.name}
      </Anchor>
      <Text size="sm" c="dimmed">
        {group.description}
      </Text>
      <Tooltip label={t.leave(group.name)}>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t.leave(group.name)} loading={leave.isPending} onClick={() => leave.mutate()}>
          <X size={14} aria-hidden />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

function Join({ user, inside }: { user: User; inside: UserGroup[] }) {
  const t = accessTexts.use().users;
  const queries = useQueryClient();
  const all = useQuery(groupsQuery);
  const join = useMutation({
    mutationFn: (group: string) => joinGroup(group, user.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['groups'] }),
    onError: notify.failed,
  });
  const outside = (all.data ?? []).filter((group) => !inside.some((one) => one.id === group.id));
  if (outside.length === 0) return null;
  return (
    <Menu>
      <Menu.Target>
        <Button variant="default" size="xs" leftSection={<Plus size={14} aria-hidden />} loading={join.isPending}>
          {t.addGroup}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={320} style={{ overflowY: 'auto' }}>
        {outside.map((group) => (
          <Menu.Item key={group.id} onClick={() => join.mutate(group.id)}>
            {group.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
