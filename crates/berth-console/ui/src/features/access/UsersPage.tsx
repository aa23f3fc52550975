import { Badge, Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { UserPlus, Users } from 'lucide-react';
import { useState } from 'react';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { State } from '../../components/State';
import { AdministratorsOnly } from './AdministratorsOnly';
import { matches } from './matches';
import { accessTexts } from './texts';
import { CreateUserDialog } from './UserDialogs';
import { type ListedUser, usersQuery } from './users';

/** The users of the account, for its administrators. */
export function UsersPage() {
  const t = accessTexts.use().users;
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { q?: string };
  const filter = search.q ?? '';
  const [creating, setCreating] = useState(false);
  return (
    <Page
      title={t.title}
      intro={t.intro}
      actions={
        <AdministratorsOnly quiet>
          <Button leftSection={<UserPlus size={15} aria-hidden />} onClick={() => setCreating(true)}>
            {t.create}
          </Button>
        </AdministratorsOnly>
      }
    >
      <AdministratorsOnly>
        <Group>
          <FilterInput
            label={t.filter}
            value={filter}
            onChange={(q) => void navigate({ to: '.', search: q === '' ? {} : { q }, replace: true })}
          />
        </Group>
        <Panel flush>
          <UsersTable filter={filter} />
        </Panel>
        {creating && (
          <CreateUserDialog
            onClose={() => setCreating(false)}
            onMade={(id) => void navigate({ to: '/access/users/$user', params: { user: id } })}
          />
        )}
      </AdministratorsOnly>
    </Page>
  );
}

function UsersTable({ filter }: { filter: string }) {
  const t = accessTexts.use().users;
  const frame = frameTexts.use();
  const session = useSession();
  const users = useQuery(usersQuery);
  const columns: Column<ListedUser>[] = [
    {
      key: 'name',
      label: t.name,
      cell: (user) => (
        <Group gap={6} display="inline-flex">
          <Link to="/access/users/$user" params={{ user: user.id }} className="row-link">
            {user.name}
          </Link>
          {user.id === session.user_id && (
            <Badge size="xs" variant="light" tt="none">
              {t.you}
            </Badge>
          )}
        </Group>
      ),
    },
    { key: 'description', label: t.description, cell: (user) => user.description || '–' },
    { key: 'access', label: t.accessType, cell: (user) => t.access[user.access_mode] },
    { key: 'status', label: t.status, cell: (user) => <State on={user.enabled} label={user.enabled ? t.enabled : t.disabled} /> },
  ];
  return (
    <Ask query={users} rows={6}>
      {(all) => (
        <DataTable
          label={t.title}
          // IAM's list is whole, and knows whole names only.
          source={rowsOf(all.filter((user) => matches(filter, user.name, user.description)))}
          columns={columns}
          rowKey={(user) => user.id}
          empty={<Empty icon={Users} title={filter === '' ? t.empty : frame.nothingMatches} />}
        />
      )}
    </Ask>
  );
}
