import { Alert, Badge, Group, SegmentedControl, Stack, Text, Tooltip } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CheckCheck, Tag, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { bytes, count, relative } from '../../app/format';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { Problem } from '../../components/Problem';
import { useMarkerRows } from '../../components/rows';
import { type Fate, previewQuery, readPreview, type Shown } from './api';
import type { Rule } from './policy';
import { retentionTexts } from './texts';

/** What a rule does to the tags of an image: counts, what is freed, and each tag with the reason. Nothing is deleted. */
export function PreviewTable({ org, image, rule }: { org: string; image: string; rule: Rule | undefined }) {
  const t = retentionTexts.use().preview;
  const queries = useQueryClient();
  const [shown, setShown] = useState<Shown>('all');
  const start = previewQuery(org, image, rule, shown);
  const first = useQuery(start);
  const rows = useMarkerRows<Fate>({
    key: [...start.queryKey, 'rows'],
    read: async (marker) => {
      const page = await (marker === undefined ? queries.fetchQuery(start) : readPreview(org, image, rule, shown, marker));
      return { rows: page.tags, next: page.nextMarker };
    },
  });
  if (first.error !== null) return <div className="panel-body"><Problem error={first.error} /></div>;
  return (
    <Stack gap={0} style={{ opacity: first.isPlaceholderData ? 0.6 : 1 }} aria-busy={first.isFetching}>
      {first.data !== undefined && <Totals preview={first.data} shown={shown} onShown={setShown} />}
      <DataTable
        label={t.title}
        source={rows}
        rowKey={(row) => row.tag}
        columns={[
          { key: 'tag', label: t.tag, width: '28%', cell: (row) => <code>{row.tag}</code> },
          { key: 'fate', label: t.fate, cell: (row) => <FateBadge fate={row.fate} /> },
          { key: 'why', label: t.why, cell: (row) => <Why row={row} /> },
          { key: 'pushed', label: t.pushed, cell: (row) => <Moment time={row.pushed_at} /> },
        ]}
        empty={<Nothing shown={shown} any={(first.data?.totals.tags ?? 0) > 0} />}
      />
    </Stack>
  );
}

function Nothing({ shown, any }: { shown: Shown; any: boolean }) {
  const t = retentionTexts.use().preview;
  if (!any) return <Empty icon={Tag} title={t.empty} />;
  return <Empty icon={CheckCheck} title={shown === 'deleted' ? t.noneGo : t.noneStay} />;
}

/** What becomes of a tag, as a word with a sign. */
export function FateBadge({ fate }: { fate: Fate['fate'] }) {
  const t = retentionTexts.use().preview;
  return fate === 'deleted' ? (
    <Badge color="red" variant="light" leftSection={<Trash2 size={11} aria-hidden />}>
      {t.goes}
    </Badge>
  ) : (
    <Badge color="teal" variant="light">
      {t.stays}
    </Badge>
  );
}

function Why({ row }: { row: Fate }) {
  const t = retentionTexts.use().preview;
  const told = t.reason(row.because ?? '', row.reason);
  if (told === row.reason) return <Text size="sm">{told}</Text>;
  return (
    <Tooltip label={row.reason}>
      <Text size="sm" tabIndex={0} span>
        {told}
      </Text>
    </Tooltip>
  );
}

function Totals({ preview, shown, onShown }: { preview: Awaited<ReturnType<typeof readPreview>>; shown: Shown; onShown: (shown: Shown) => void }) {
  const t = retentionTexts.use().preview;
  const { totals, freed } = preview;
  const stay = totals.tags - totals.deleted;
  return (
    <Group justify="space-between" px="md" py="sm" gap="sm">
      <Group gap="sm">
        <Text fw={600} className="tabular" aria-live="polite">
          {t.counts(count(totals.deleted), count(stay))}
        </Text>
        {freed !== null && freed !== undefined && totals.deleted > 0 && (
          <Tooltip
            label={[
              t.freedHelp(bytes(freed.quota_bytes), relative(freed.store_after_seconds * 1000, 0)),
              ...(freed.kept_bytes > 0 ? [t.keptBytes(bytes(freed.kept_bytes))] : []),
            ].join(' ')}
          >
            <Text size="sm" c="dimmed" tabIndex={0} style={{ textDecoration: 'underline dotted' }}>
              {t.freed(bytes(freed.freed_bytes))}
            </Text>
          </Tooltip>
        )}
      </Group>
      <SegmentedControl
        size="xs"
        aria-label={t.filter}
        value={shown}
        onChange={(next) => onShown(next as Shown)}
        data={[
          { value: 'all', label: t.all },
          { value: 'deleted', label: t.goes },
          { value: 'kept', label: t.stays },
        ]}
      />
    </Group>
  );
}

/** In the place of a preview, while there is nothing to preview. */
export function NoPreview() {
  const t = retentionTexts.use().preview;
  return (
    <div className="panel-body">
      <Alert color="gray" variant="light">
        {t.unavailable}
      </Alert>
    </div>
  );
}
