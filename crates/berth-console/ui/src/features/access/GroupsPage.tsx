import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Plus, UsersRound } from 'lucide-react';
import { useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { AdministratorsOnly } from './AdministratorsOnly';
import { CreateGroupDialog } from './GroupDialogs';
import { accessTexts } from './texts';
import { matches } from './matches';
import { groupsQuery, type Group as UserGroup } from './users';

/** The groups of the account, for its administrators. */
export function GroupsPage() {
  const t = accessTexts.use().groups;
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
          <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setCreating(true)}>
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
          <GroupsTable filter={filter} />
        </Panel>
        {creating && (
          <CreateGroupDialog
            onClose={() => setCreating(false)}
            onMade={(id) => void navigate({ to: '/access/groups/$group', params: { group: id } })}
          />
        )}
      </AdministratorsOnly>
    </Page>
  );
}

function GroupsTable({ filter }: { filter: string }) {
  const t = accessTexts.use().groups;
  const frame = frameTexts.use();
  const groups = useQuery(groupsQuery);
  const columns: Column<UserGroup>[] = [
    {
      key: 'name',
      label: t.name,
      cell: (group) => (
        <Link to="/access/groups/$group" params={{ group: group.id }} className="row-link">
          {group.name}
        </Link>
      ),
    },
    { key: 'description', label: t.description, cell: (group) => group.description || '–' },
    { key: 'created', label: t.created, cell: (group) => <Moment time={group.create_time} /> },
  ];
  return (
    <Ask query={groups} rows={6}>
      {(all) => (
        <DataTable
          label={t.title}
          source={rowsOf(all.filter((group) => matches(filter, group.name, group.description)))}
          columns={columns}
          rowKey={(group) => group.id}
          empty={
            filter === '' ? (
              <Empty icon={UsersRound} title={t.empty}>
                {t.emptyHelp}
              </Empty>
            ) : (
              <Empty icon={UsersRound} title={frame.nothingMatches} />
            )
          }
        />
      )}
    </Ask>
  );
}
