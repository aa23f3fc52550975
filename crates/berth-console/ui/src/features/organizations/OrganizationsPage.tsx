import { Button, Group, Progress, Text, Tooltip } from '@mantine/core';
import '@mantine/core/styles/Progress.layer.css';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Building2, FilterX, Plus } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { bytes, count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { useOffsetRows } from '../../components/rows';
import { readOrganizations, type SeenOrganization, useOrganizationQuota } from './list';
import { organizationsTexts } from './texts';

const CreateOrganizationDialog = lazy(() =>
  import('./CreateOrganizationDialog').then((module) => ({ default: module.CreateOrganizationDialog })),
);

interface InAddress {
  q?: string;
  sort?: string;
  desc?: boolean;
  create?: boolean;
}

/** The organizations in which the reader may do something, and the way to a new one. */
export function OrganizationsPage() {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  const search = useSearch({ strict: false }) as InAddress;
  const navigate = useNavigate();
  const change = (next: InAddress) => {
    const merged = Object.entries({ ...search, ...next }).filter(([, value]) => value !== undefined && value !== '' && value !== false);
    void navigate({ to: '.', search: Object.fromEntries(merged), replace: true });
  };
  const wanted = { text: String(search.q ?? ''), column: search.sort ?? 'name', descending: search.desc === true };
  const source = useOffsetRows<SeenOrganization>({
    key: ['organizations', 'list', wanted],
    read: (offset, limit) => readOrganizations(wanted, offset, limit),
  });
  const quota = useOrganizationQuota();
  const full = quota !== undefined && quota.used >= quota.limit;
  const create = (
    <ActionButton
      leftSection={<Plus size={16} aria-hidden />}
      reason={full ? t.quotaFull(count(quota.limit)) : undefined}
      onClick={() => change({ create: true })}
    >
      {t.create}
    </ActionButton>
  );
  const empty =
    wanted.text === '' ? (
      <Empty icon={Building2} title={t.empty.title} action={create}>
        {t.empty.help}
      </Empty>
    ) : (
      <Empty icon={FilterX} title={frame.nothingMatches} action={<Button variant="default" onClick={() => change({ q: '' })}>{frame.clearFilter}</Button>} />
    );
  return (
    <Page title={t.title} intro={t.intro} actions={create}>
      <Panel flush>
        <Group className="panel-body" justify="space-between">
          <FilterInput value={wanted.text} onChange={(q) => change({ q })} label={t.filter} />
          {quota !== undefined && <Quota used={quota.used} limit={quota.limit} />}
        </Group>
        <DataTable
          label={t.title}
          source={source}
          columns={useColumns()}
          rowKey={(one) => one.name}
          order={{ column: wanted.column, descending: wanted.descending }}
          onOrder={(order) => change({ sort: order.column, desc: order.descending })}
          empty={empty}
        />
      </Panel>
      {search.create === true && (
        <Suspense fallback={null}>
          <CreateOrganizationDialog onClose={() => change({ create: false })} />
        </Suspense>
      )}
    </Page>
  );
}

function useColumns(): Column<SeenOrganization>[] {
  const t = organizationsTexts.use();
  return [
    {
      key: 'name',
      label: t.columns.name,
      sort: 'name',
      cell: (one) => (
        <Link to="/organizations/$org" params={{ org: one.name }} className="row-link">
          {one.name}
        </Link>
      ),
    },
    { key: 'images', label: t.columns.images, sort: 'num_repos', align: 'end', cell: (one) => count(one.num_repos) },
    { key: 'tags', label: t.columns.tags, align: 'end', cell: (one) => count(one.num_images) },
    { key: 'size', label: t.columns.size, sort: 'size', align: 'end', cell: (one) => <span style={{ whiteSpace: 'nowrap' }}>{bytes(one.size)}</span> },
    {
      key: 'users',
      label: t.columns.users,
      align: 'end',
      cell: (one) => (typeof one.num_users === 'number' ? count(one.num_users) : <Text span c="dimmed">–</Text>),
    },
    { key: 'role', label: t.columns.role, cell: (one) => <Role organization={one} /> },
    { key: 'creator', label: t.columns.creator, cell: (one) => one.creator_name },
    { key: 'created', label: t.columns.created, sort: 'created_at', cell: (one) => <Moment time={one.created_at} /> },
  ];
}

/** What the reader may do in an organization, and why. */
function Role({ organization }: { organization: SeenOrganization }) {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  const rights = organization.self_rights;
  if (rights === null || rights === undefined) return <Text span c="dimmed">–</Text>;
  return (
    <Tooltip label={t.sources[rights.source]}>
      <span tabIndex={0}>{rights.source === 'image' ? t.imageOnly : frame.rights[rights.permission]}</span>
    </Tooltip>
  );
}

/** How much of the quota of organizations is used. */
function Quota({ used, limit }: { used: number; limit: number }) {
  const t = organizationsTexts.use();
  const text = t.quota(count(used), count(limit));
  return (
    <Group gap="sm" wrap="nowrap">
      <Text size="sm" c="dimmed">
        {text}
      </Text>
      <Progress value={limit === 0 ? 100 : (used / limit) * 100} color={used >= limit ? 'orange' : 'tide'} w={72} size="sm" aria-label={text} />
    </Group>
  );
}
