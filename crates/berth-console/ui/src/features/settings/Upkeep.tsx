import { Badge, Button, Checkbox, Group, SimpleGrid, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { History, Play } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { useMarkerRows } from '../../components/rows';
import { figures } from './figures';
import { isForbidden } from './StoragePage';
import { settingsTexts } from './texts';

type Run = components['schemas']['MaintenanceRunDocument'];
type Kind = 'reclaim' | 'scrub' | 'backup';

const KINDS: Kind[] = ['reclaim', 'scrub', 'backup'];
const COLOR: Record<string, string> = { done: 'teal', failed: 'red', running: 'tide', interrupted: 'yellow' };

/** The long work of the registry itself: what ran, what runs, and a way to hurry it. */
export function Upkeep() {
  const t = settingsTexts.use().storage;
  const runs = useMarkerRows<Run>({
    key: ['maintenance', 'runs'],
    read: async (marker) => {
      const page = await data(api.GET('/v2/manage/maintenance/runs', { params: { query: { limit: 20, ...(marker === undefined ? {} : { marker }) } } }));
      return { rows: page.runs, next: page.nextMarker };
    },
    again: (rows) => rows.some((run) => run.state === 'waiting' || run.state === 'running') && 1500,
  });
  if (isForbidden(runs.error)) {
    return (
      <Panel title={t.upkeep}>
        <Text size="sm" c="dimmed">
          {t.operators}
        </Text>
      </Panel>
    );
  }
  return (
    <>
      <Panel title={t.upkeep}>
        <Text size="sm" c="dimmed" mb="sm">
          {t.upkeepHelp}
        </Text>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
          {KINDS.map((kind) => (
            <Start key={kind} kind={kind} />
          ))}
        </SimpleGrid>
      </Panel>
      <Panel title={t.runs} flush>
        <DataTable
          label={t.runs}
          source={runs}
          rowKey={(run) => String(run.id)}
          columns={[
            { key: 'kind', label: t.columns.kind, cell: (run) => t.kinds[run.kind as Kind] ?? run.kind },
            { key: 'state', label: t.columns.state, cell: (run) => <State run={run} /> },
            { key: 'why', label: t.columns.why, width: 110, cell: (run) => run.wanted_by ?? t.schedule },
            { key: 'began', label: t.columns.began, cell: (run) => <Moment time={run.started_at} /> },
            { key: 'ended', label: t.columns.ended, cell: (run) => <Moment time={run.ended_at} /> },
            { key: 'report', label: t.columns.report, cell: (run) => figures(run.ended_at === null || run.ended_at === undefined ? run.progress : run.report, t.figures).join(', ') || '–' },
          ]}
          empty={<Empty icon={History} title={t.noRuns} />}
        />
      </Panel>
    </>
  );
}

function State({ run }: { run: Run }) {
  const t = settingsTexts.use().storage.states;
  return (
    <Badge color={COLOR[run.state] ?? 'gray'} variant="light">
      {t[run.state as keyof typeof t] ?? run.state}
    </Badge>
  );
}

function Start({ kind }: { kind: Kind }) {
  const t = settingsTexts.use().storage;
  const queries = useQueryClient();
  const [orphans, setOrphans] = useState(false);
  const start = useMutation({
    mutationFn: () => api.POST('/v2/manage/maintenance/{kind}', { params: { path: { kind } }, body: kind === 'reclaim' ? { orphans } : {} }),
    onSuccess: () => {
      done(t.started(t.kinds[kind]));
      return queries.invalidateQueries({ queryKey: ['maintenance'] });
    },
    onError: failed,
  });
  return (
    <Stack gap={6} align="flex-start">
      <Text fw={600}>{t.kinds[kind]}</Text>
      <Text size="sm" c="dimmed">
        {t.kindHelp[kind]}
      </Text>
      {kind === 'reclaim' && <Checkbox size="xs" label={t.orphans} checked={orphans} onChange={(event) => setOrphans(event.currentTarget.checked)} />}
      <Group>
        <Button size="compact-sm" variant="default" leftSection={<Play size={13} aria-hidden />} aria-label={t.startOf(t.kinds[kind])} loading={start.isPending} onClick={() => start.mutate()}>
          {t.start}
        </Button>
      </Group>
    </Stack>
  );
}
