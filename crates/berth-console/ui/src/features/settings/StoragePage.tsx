import { Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Building2 } from 'lucide-react';
import { api, data } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';
import { bytes, count } from '../../app/format';
import { Ask } from '../../components/Ask';
import { CommandBox } from '../../components/CommandBox';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { Administrators } from './Administrators';
import { Damaged } from './Damaged';
import { Share } from './Share';
import { settingsTexts } from './texts';
import { Upkeep } from './Upkeep';

/** Where the bytes are, and what keeps them right. */
export function StoragePage() {
  const t = settingsTexts.use().storage;
  return (
    <Page title={t.title}>
      <Administrators>
        <Stack gap="md">
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md" style={{ alignItems: 'start' }}>
            <Account />
            <Store />
          </SimpleGrid>
          <Organizations />
          <Upkeep />
          <Damaged />
        </Stack>
      </Administrators>
    </Page>
  );
}

function Account() {
  const t = settingsTexts.use().storage;
  const ledger = useQuery({ queryKey: ['maintenance', 'ledger'], queryFn: () => data(api.GET('/v2/manage/ledger')) });
  return (
    <Panel title={t.account}>
      <Ask query={ledger}>
        {(found) => {
          const saved = Math.max(found.held_bytes - found.blob_bytes - found.manifest_bytes, 0);
          return (
            <Stack gap="sm">
              <Share
                parts={[
                  { label: t.physical, value: found.blob_bytes + found.manifest_bytes, help: t.physicalHelp },
                  { label: t.saved, value: saved },
                ]}
              />
              <Line label={t.logical} help={t.logicalHelp} value={bytes(found.held_bytes)} strong />
              <Line label={t.quota} value={found.quota_bytes === null || found.quota_bytes === undefined ? t.noQuota : bytes(found.quota_bytes)} />
              <Line label={t.bin} value={bytes(found.bin_blob_bytes + found.bin_manifest_bytes)} />
              <Line label={t.unreferenced} value={bytes(found.unreferenced_bytes)} />
              <Line label={t.uploads} value={bytes(found.upload_bytes)} />
            </Stack>
          );
        }}
      </Ask>
    </Panel>
  );
}

/** The bytes of the store, for those who run the registry. */
function Store() {
  const t = settingsTexts.use().storage;
  const store = useQuery({ queryKey: ['maintenance', 'store'], queryFn: () => data(api.GET('/v2/manage/ledger/store')) });
  if (isForbidden(store.error)) {
    return (
      <Panel title={t.store}>
        <Text size="sm" c="dimmed">
          {t.operators}
        </Text>
      </Panel>
    );
  }
  return (
    <Panel title={t.store}>
      <Ask query={store}>
        {(found) => (
          <Stack gap="sm">
            <Share
              parts={[
                { label: t.blobs, value: found.blob_bytes },
                { label: t.uploads, value: found.upload_bytes },
                { label: t.reclaim, value: found.reclaim_bytes },
                { label: t.quarantine, value: found.quarantine_bytes },
              ]}
            />
            <Text size="sm">{t.compare}</Text>
            <CommandBox command="berth ledger verify" what="berth ledger verify" />
            <Text size="sm">{t.restore}</Text>
            <CommandBox command={'berth restore --list\nberth restore SNAPSHOT'} what="berth restore" />
          </Stack>
        )}
      </Ask>
    </Panel>
  );
}

/** Whether an answer is that this is for those who run the registry. */
export function isForbidden(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 403;
}

function Line({ label, value, help, strong = false }: { label: string; value: string; help?: string; strong?: boolean }) {
  return (
    <Group justify="space-between" wrap="nowrap" align="baseline">
      <div>
        <Text size="sm" fw={strong ? 600 : undefined}>
          {label}
        </Text>
        {help !== undefined && (
          <Text size="xs" c="dimmed">
            {help}
          </Text>
        )}
      </div>
      <Text size="sm" className="tabular" fw={strong ? 600 : undefined} style={{ whiteSpace: 'nowrap' }}>
        {value}
      </Text>
    </Group>
  );
}

type Organization = components['schemas']['OrganizationStatistics'];

function Organizations() {
  const t = settingsTexts.use().storage;
  const statistics = useQuery({ queryKey: ['maintenance', 'organizations'], queryFn: () => data(api.GET('/v2/manage/statistics', { params: { query: { days: 1 } } })) });
  return (
    <Panel title={t.byOrganization} flush>
      <Ask query={statistics}>
        {(found) => {
          const rows = (found.namespaces ?? []).toSorted((one, other) => other.stored_bytes - one.stored_bytes);
          const most = rows[0]?.stored_bytes ?? 0;
          return (
            <DataTable<Organization>
              label={t.byOrganization}
              source={rowsOf(rows)}
              rowKey={(row) => row.namespace}
              columns={[
                {
                  key: 'name',
                  label: t.organization,
                  cell: (row) => (
                    <Link to="/organizations/$org" params={{ org: row.namespace }} className="row-link">
                      {row.namespace}
                    </Link>
                  ),
                },
                { key: 'images', label: t.images, align: 'end', cell: (row) => count(row.repo_num) },
                { key: 'tags', label: t.tags, align: 'end', cell: (row) => count(row.image_num) },
                { key: 'size', label: t.size, align: 'end', cell: (row) => bytes(row.stored_bytes) },
                { key: 'bar', label: '', width: '35%', cell: (row) => <Bar part={most === 0 ? 0 : row.stored_bytes / most} /> },
              ]}
              empty={<Empty icon={Building2} title={t.noOrganization} />}
            />
          );
        }}
      </Ask>
    </Panel>
  );
}

/** A length beside a figure that says the same. */
function Bar({ part }: { part: number }) {
  return (
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden style={{ width: '100%', minWidth: 80, height: 8, display: 'block' }}>
      <rect width={Math.max(part * 100, 0.5)} height={8} rx={2} fill="var(--c1)" />
    </svg>
  );
}
