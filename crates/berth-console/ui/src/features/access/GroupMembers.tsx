import { Button, MultiSelect } from '@mantine/core';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { UserMinus, UserPlus, UsersRound } from 'lucide-react';
import { useState } from 'react';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { State } from '../../components/State';
import { accessTexts } from './texts';
import { type Group, joinGroup, leaveGroup, type ListedUser, membersQuery, usersQuery } from './users';

/** Who is in a group. */
export function GroupMembers({ group }: { group: Group }) {
  const t = accessTexts.use();
  const members = useQuery(membersQuery(group.id));
  const users = useQuery(usersQuery);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<ListedUser | null>(null);
  const outside = (users.data ?? []).filter((user) => !members.data?.some((member) => member.id === user.id));
  const columns: Column<ListedUser>[] = [
    {
      key: 'name',
      label: t.users.name,
      cell: (user) => (
        <Link to="/access/users/$user" params={{ user: user.id }} className="row-link">
          {user.name}
        </Link>
      ),
    },
    { key: 'description', label: t.users.description, cell: (user) => user.description || '–' },
    { key: 'status', label: t.users.status, cell: (user) => <State on={user.enabled} label={user.enabled ? t.users.enabled : t.users.disabled} /> },
    {
      key: 'remove',
      label: '',
      align: 'end',
      cell: (user) => (
        <Button
          variant="subtle"
          color="red"
          size="compact-sm"
          leftSection={<UserMinus size={14} aria-hidden />}
          onClick={() => setRemoving(user)}
        >
          {t.groups.remove(user.name)}
        </Button>
      ),
    },
  ];
  return (
    <Panel
      title={t.groups.members}
      flush
      actions={
        <ActionButton
          size="xs"
          leftSection={<UserPlus size={14} aria-hidden />}
          reason={users.data !== undefined && members.data !== undefined && outside.length === 0 ? t.groups.addNone : undefined}
          onClick={() => setAdding(true)}
        >
          {t.groups.add}
        </ActionButton>
      }
    >
      <Ask query={members}>
        {(all) => (
          <DataTable
            label={t.groups.members}
            source={rowsOf(all)}
            columns={columns}
            rowKey={(user) => user.id}
            empty={<Empty icon={UsersRound} title={t.groups.noMembers} />}
          />
        )}
      </Ask>
      {adding && <AddMembers group={group} outside={outside} onClose={() => setAdding(false)} />}
      {removing !== null && <RemoveMember group={group} user={removing} onClose={() => setRemoving(null)} />}
    </Panel>
  );
}

function AddMembers({ group, outside, onClose }: { group: Group; outside: ListedUser[]; onClose: () => void }) {
  const t = accessTexts.use().groups;
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<string[]>([]);
  const added = useMutation({
    // One after the other: what went in before a refusal stays in, and the list shows it.
    mutationFn: async () => {
      for (const user of chosen) await joinGroup(group.id, user);
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['groups'] }),
    onSuccess: () => {
      notify.done(t.added(chosen.length));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.add}
      submit={t.add}
      pending={added.isPending}
      error={added.error}
      blocked={chosen.length === 0}
      onSubmit={(event) => {
        event.preventDefault();
        added.mutate();
      }}
    >
      <MultiSelect
        label={t.addLabel}
        data={outside.map((user) => ({ value: user.id, label: user.name }))}
        value={chosen}
        onChange={setChosen}
        searchable
        data-autofocus
      />
    </FormDialog>
  );
}

function RemoveMember({ group, user, onClose }: { group: Group; user: ListedUser; onClose: () => void }) {
  const t = accessTexts.use().groups;
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.removeTitle(user.name)}
      goes={[t.removeGoes(group.name)]}
      stays={[...t.stays]}
      confirm={t.remove(user.name)}
      run={() => leaveGroup(group.id, user.id)}
      onDone={() => {
        void queries.invalidateQueries({ queryKey: ['groups'] });
        notify.done(t.removed(user.name));
      }}
    />
  );
}
