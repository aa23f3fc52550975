import { ActionIcon, Group, Menu, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Ellipsis, KeyRound, Pencil, Plus, Power, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { Copy } from '../../components/Copy';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { State } from '../../components/State';
import { CreateKeyDialog, DescribeKeyDialog } from './KeyDialogs';
import { changeKey, deleteKey, type Key, KEYS_MAX, keysQuery } from './keys';
import { accessTexts } from './texts';

/** What somebody is about to do with a key. */
interface Doing {
  what: 'describe' | 'disable' | 'delete';
  key: Key;
}

/** The access keys of a user, and everything that can be done with them. */
export function KeysPanel({ user, name }: { user: string; name: string }) {
  const t = accessTexts.use().keys;
  const keys = useQuery(keysQuery(user));
  const [creating, setCreating] = useState(false);
  const [doing, setDoing] = useState<Doing | null>(null);
  const count = keys.data?.length ?? 0;
  const create = (
    <ActionButton
      leftSection={<Plus size={15} aria-hidden />}
      reason={count >= KEYS_MAX ? t.full(KEYS_MAX) : undefined}
      onClick={() => setCreating(true)}
    >
      {t.create}
    </ActionButton>
  );
  return (
    <Panel
      title={t.of(name)}
      flush
      actions={
        <Group gap="sm">
          <Text size="sm" c="dimmed" className="tabular">
            {t.used(count, KEYS_MAX)}
          </Text>
          {create}
        </Group>
      }
    >
      <Ask query={keys}>{(all) => <KeysTable keys={all} name={name} onDo={setDoing} />}</Ask>
      <Text size="sm" c="dimmed" px="lg" py="sm">
        {t.temporary}
      </Text>
      {creating && <CreateKeyDialog user={user} name={name} onClose={() => setCreating(false)} />}
      {doing?.what === 'describe' && <DescribeKeyDialog known={doing.key} onClose={() => setDoing(null)} />}
      {doing !== null && doing.what !== 'describe' && <Ending doing={doing} onClose={() => setDoing(null)} />}
    </Panel>
  );
}

function KeysTable({ keys, name, onDo }: { keys: Key[]; name: string; onDo: (doing: Doing) => void }) {
  const t = accessTexts.use().keys;
  const columns: Column<Key>[] = [
    {
      key: 'access',
      label: t.access,
      cell: (key) => (
        <Group gap={2} wrap="nowrap" display="inline-flex">
          <code>{key.access}</code>
          <Copy text={key.access} what={key.access} />
        </Group>
      ),
    },
    { key: 'description', label: t.description, cell: (key) => key.description || '–' },
    {
      key: 'status',
      label: t.status,
      cell: (key) => <State on={key.status === 'active'} label={key.status === 'active' ? t.active : t.inactive} />,
    },
    { key: 'created', label: t.created, cell: (key) => <Moment time={key.create_time} /> },
    {
      key: 'used',
      label: t.lastUsed,
      cell: (key) => (key.last_use_time === null ? <span>{t.never}</span> : <Moment time={key.last_use_time} />),
    },
    { key: 'actions', label: '', align: 'end', cell: (key) => <KeyMenu known={key} onDo={onDo} /> },
  ];
  return (
    <DataTable
      label={t.of(name)}
      source={rowsOf(keys)}
      columns={columns}
      rowKey={(key) => key.access}
      empty={
        <Empty icon={KeyRound} title={t.empty}>
          {t.emptyHelp}
        </Empty>
      }
    />
  );
}

function KeyMenu({ known, onDo }: { known: Key; onDo: (doing: Doing) => void }) {
  const t = accessTexts.use().keys;
  const queries = useQueryClient();
  const enable = useMutation({
    mutationFn: () => changeKey(known.access, { status: 'active' }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['keys'] });
      notify.done(t.enabled(known.access));
    },
    onError: notify.failed,
  });
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t.more(known.access)} loading={enable.isPending}>
          <Ellipsis size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => onDo({ what: 'describe', key: known })}>
          {t.describe}
        </Menu.Item>
        {known.status === 'active' ? (
          <Menu.Item leftSection={<Power size={15} aria-hidden />} onClick={() => onDo({ what: 'disable', key: known })}>
            {t.disable}
          </Menu.Item>
        ) : (
          <Menu.Item leftSection={<Power size={15} aria-hidden />} onClick={() => enable.mutate()}>
            {t.enable}
          </Menu.Item>
        )}
        <DeleteItem onClick={() => onDo({ what: 'delete', key: known })} />
      </Menu.Dropdown>
    </Menu>
  );
}

function DeleteItem({ onClick }: { onClick: () => void }) {
  const t = accessTexts.use().keys;
  return (
    <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={onClick}>
      {t.delete}
    </Menu.Item>
  );
}

/** Disabling and deleting stop what uses the key: both are asked. */
function Ending({ doing, onClose }: { doing: Doing; onClose: () => void }) {
  const t = accessTexts.use().keys;
  const queries = useQueryClient();
  const { access } = doing.key;
  const deletes = doing.what === 'delete';
  return (
    <Confirm
      opened
      onClose={onClose}
      title={deletes ? t.deleteTitle(access) : t.disableTitle(access)}
      goes={[...t.stops]}
      stays={deletes ? [...t.stopsStays] : [...t.disableStays]}
      confirm={deletes ? t.delete : t.disable}
      run={() => (deletes ? deleteKey(access) : changeKey(access, { status: 'inactive' }))}
      onDone={() => {
        void queries.invalidateQueries({ queryKey: ['keys'] });
        notify.done(deletes ? t.deleted(access) : t.disabled(access));
      }}
    />
  );
}
