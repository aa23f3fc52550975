import { Anchor, Badge, SimpleGrid, Stack, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { basePath } from '../../api/base';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { bytes, count } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { Copy } from '../../components/Copy';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { QuotasPanel } from '../quotas/QuotasPanel';
import { Administrators } from './Administrators';
import { ShutOuts } from './ShutOuts';
import { settingsTexts } from './texts';

/** What this registry is, whether it is well, and its limits. */
export function SystemPage() {
  const t = settingsTexts.use().system;
  return (
    <Page title={t.title}>
      <Administrators>
        <System />
        <ShutOuts />
      </Administrators>
    </Page>
  );
}

function System() {
  const t = settingsTexts.use().system;
  const settings = useQuery({ queryKey: ['maintenance', 'console-settings'], queryFn: () => data(api.GET('/v2/manage/console-settings')) });
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md" style={{ alignItems: 'start' }}>
      <Panel title={t.about}>
        <Ask query={settings}>{(found) => <About settings={found} />}</Ask>
      </Panel>
      <Panel title={t.limits}>
        <Ask query={settings}>{(found) => <Limits limits={found.limits} />}</Ask>
      </Panel>
      <QuotasPanel />
    </SimpleGrid>
  );
}

function About({ settings }: { settings: components['schemas']['ConsoleSettings'] }) {
  const t = settingsTexts.use().system;
  const frame = frameTexts.use();
  const session = useSession();
  return (
    <Stack gap="sm">
      <Rows
        label={t.about}
        rows={[
          [t.health, <Health key="health" />],
          [t.version, <code key="version">{settings.version}</code>],
          [t.region, settings.region],
          [
            t.registry,
            <span key="registry">
              <code>{settings.registry}</code> <Copy text={settings.registry} what={settings.registry} />
            </span>,
          ],
          [t.account, session.domain_name],
          [t.anonymous, settings.public_images_without_login ? frame.yes : frame.no],
        ]}
      />
      <Anchor href={`${basePath}/openapi.json`} size="sm" target="_blank" rel="noreferrer">
        {t.document}
      </Anchor>
    </Stack>
  );
}

/** Whether the server takes requests, asked again twice a minute. */
function Health() {
  const t = settingsTexts.use().system;
  const ready = useQuery({
    queryKey: ['maintenance', 'ready'],
    queryFn: async () => (await fetch(`${basePath}/readyz`).catch(() => undefined))?.ok ?? false,
    refetchInterval: 30_000,
  }).data;
  if (ready === undefined) return null;
  return (
    <Badge color={ready ? 'teal' : 'red'} variant="light">
      {ready ? t.healthy : t.unhealthy}
    </Badge>
  );
}

function Limits({ limits }: { limits: components['schemas']['ConsoleLimits'] }) {
  const t = settingsTexts.use().system;
  const shown = (key: keyof typeof limits) => {
    const value = limits[key];
    if (key === 'layer_bytes_max') return bytes(value);
    if (key === 'bin_seconds') return value === 0 ? t.atOnce : t.days(Math.round(value / 86_400));
    return count(value);
  };
  const keys = Object.keys(t.limit) as (keyof typeof t.limit)[];
  return <Rows label={t.limits} rows={keys.map((key) => [t.limit[key], shown(key)])} />;
}

function Rows({ label, rows }: { label: string; rows: [string, ReactNode][] }) {
  return (
    <Table aria-label={label} horizontalSpacing={0}>
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th scope="row" fw={500} c="dimmed" fz="sm" pr="md">
              {name}
            </Table.Th>
            <Table.Td ta="end" style={{ overflowWrap: 'anywhere' }}>
              {value}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
