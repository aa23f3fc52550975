import { Badge, Group, SegmentedControl, Text, Tooltip } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { History, ScrollText } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { bytes, count } from '../../app/format';
import { DataTable } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { Panel } from '../../components/Panel';
import { useMarkerRows } from '../../components/rows';
import { type Deletion, place, type Run } from './api';
import { retentionTexts } from './texts';

const BASE = '/v2/manage/namespaces/{namespace}/repos/{repository}/retentions';
const COLOR: Record<string, string> = { done: 'teal', failed: 'red', running: 'tide', waiting: 'gray' };

/** What retention did to an image: its runs, and every tag that it deleted. */
export function Records({ org, image }: { org: string; image: string }) {
  const t = retentionTexts.use();
  const [shown, setShown] = useState<'runs' | 'log'>('runs');
  const choice = (
    <SegmentedControl
      size="xs"
      aria-label={t.records}
      value={shown}
      onChange={(next) => setShown(next as typeof shown)}
      data={[
        { value: 'runs', label: t.run.title },
        { value: 'log', label: t.log.title },
      ]}
    />
  );
  return (
    <Panel title={t.records} actions={choice} flush>
      {shown === 'runs' ? <Runs org={org} image={image} /> : <Log org={org} image={image} />}
    </Panel>
  );
}

function Runs({ org, image }: { org: string; image: string }) {
  const t = retentionTexts.use().run;
  const rows = useMarkerRows<Run>({
    key: ['retention', org, image, 'runs'],
    read: async (marker) => {
      const page = await data(api.GET(`${BASE}/runs`, { params: { path: place(org, image), query: { limit: 50, ...(marker === undefined ? {} : { marker }) } } }));
      return { rows: page.runs, next: page.nextMarker?.toString() };
    },
    again: (runs) => runs.some((run) => run.status === 'waiting' || run.status === 'running') && 1000,
  });
  return (
    <DataTable
      label={t.title}
      source={rows}
      rowKey={(run) => String(run.id)}
      columns={[
        { key: 'when', label: t.when, cell: (run) => <Moment time={run.created_at} /> },
        { key: 'why', label: t.why, cell: (run) => t.whys[run.why as keyof typeof t.whys] ?? run.why },
        { key: 'status', label: t.status, cell: (run) => <RunStatus run={run} /> },
        { key: 'judged', label: t.judged, align: 'end', cell: (run) => count(run.tags) },
        { key: 'deleted', label: t.deleted, align: 'end', cell: (run) => <Text fw={run.deleted > 0 ? 600 : undefined} span>{count(run.deleted)}</Text> },
        { key: 'kept', label: t.kept, cell: (run) => <Kept kept={run.kept} /> },
        { key: 'freed', label: t.freed, align: 'end', cell: (run) => bytes(run.freed_bytes) },
        { key: 'by', label: t.by, cell: (run) => run.user_name ?? t.system },
      ]}
      empty={
        <Empty icon={History} title={t.empty}>
          {t.emptyHelp}
        </Empty>
      }
    />
  );
}

/** How a run stands, and why it failed. */
export function RunStatus({ run }: { run: Pick<Run, 'status' | 'failed'> }) {
  const t = retentionTexts.use().run;
  const why = run.failed ?? '';
  const badge = (
    <Badge color={COLOR[run.status] ?? 'gray'} variant="light" tabIndex={why === '' ? undefined : 0}>
      {t.statuses[run.status as keyof typeof t.statuses] ?? run.status}
    </Badge>
  );
  return why === '' ? badge : <Tooltip label={why}>{badge}</Tooltip>;
}

function Kept({ kept }: { kept: Record<string, number> }) {
  const t = retentionTexts.use().run;
  const told = Object.entries(kept).filter(([, tags]) => tags > 0);
  if (told.length === 0) return <span>–</span>;
  return (
    <Group gap={4}>
      {told.map(([why, tags]) => (
        <Badge key={why} color="gray" variant="light" tt="none" fw={500}>
          {count(tags)} {t.keptBy[why as keyof typeof t.keptBy] ?? why}
        </Badge>
      ))}
    </Group>
  );
}

function Log({ org, image }: { org: string; image: string }) {
  const t = retentionTexts.use();
  const rows = useMarkerRows<Deletion>({
    key: ['retention', org, image, 'log'],
    read: async (marker) => {
      const page = await data(api.GET(`${BASE}/log`, { params: { path: place(org, image), query: { limit: 100, ...(marker === undefined ? {} : { marker }) } } }));
      return { rows: page.deletions, next: page.nextMarker?.toString() };
    },
  });
  return (
    <DataTable
      label={t.log.title}
      source={rows}
      rowKey={(line) => String(line.id)}
      columns={[
        { key: 'tag', label: t.log.tag, cell: (line) => <code>{line.tag}</code> },
        { key: 'digest', label: t.log.digest, cell: (line) => <Digest digest={line.digest} /> },
        { key: 'pushed', label: t.log.pushed, cell: (line) => <Moment time={line.pushed_at} /> },
        { key: 'deleted', label: t.log.deleted, cell: (line) => <Moment time={line.deleted_at} /> },
        {
          key: 'why',
          label: t.log.why,
          cell: (line) => {
            const told = t.preview.reason('', line.reason);
            return told === line.reason ? told : <Tooltip label={line.reason}><span tabIndex={0}>{told}</span></Tooltip>;
          },
        },
        { key: 'run', label: t.log.run, align: 'end', cell: (line) => line.run_id ?? '–' },
      ]}
      empty={
        <Empty icon={ScrollText} title={t.log.empty}>
          {t.log.emptyHelp}
        </Empty>
      }
    />
  );
}

