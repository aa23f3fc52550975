import { Anchor, Button, Group, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ArchiveX, RotateCcw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { ApiError } from '../../api/errors';
import { bytes } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Confirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import * as notify from '../../components/notify';
import { useMarkerRows } from '../../components/rows';
import { type BinFilter, type Entry, nameOf, purge, readBin } from './api';
import { RestoreDialog } from './RestoreDialog';
import { binTexts } from './texts';

/** What is in the bin, and what can be done about it. Who may not is refused by the server, with the reason. */
export function BinTable({ filter }: { filter: BinFilter }) {
  const t = binTexts.use();
  const frame = frameTexts.use();
  const source = useMarkerRows({ key: ['bin', 'list', filter], read: (marker) => readBin(filter, marker) });
  const [restoring, setRestoring] = useState<Entry | null>(null);
  const [purging, setPurging] = useState<Entry | null>(null);
  const columns: Column<Entry>[] = [
    { key: 'what', label: t.what, cell: (entry) => <What entry={entry} /> },
    { key: 'kind', label: t.kind, cell: (entry) => t.kinds[entry.kind] },
    { key: 'size', label: t.size, align: 'end', cell: (entry) => bytes(entry.size) },
    { key: 'deleted', label: t.deleted, cell: (entry) => <Moment time={entry.deleted_at} /> },
    { key: 'by', label: t.by, cell: (entry) => (entry.why === 'retention' ? t.retention : (entry.deleted_by ?? t.registry)) },
    { key: 'expires', label: t.expires, cell: (entry) => <Moment time={entry.expires_at} /> },
    {
      key: 'actions',
      label: '',
      align: 'end',
      cell: (entry) => (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<RotateCcw size={14} aria-hidden />}
            aria-label={t.restoreTitle(nameOf(entry))}
            onClick={() => setRestoring(entry)}
          >
            {t.restore}
          </Button>
          <Button
            size="compact-sm"
            variant="subtle"
            color="red"
            leftSection={<Trash2 size={14} aria-hidden />}
            aria-label={`${t.purge} ${nameOf(entry)}`}
            onClick={() => setPurging(entry)}
          >
            {t.purge}
          </Button>
        </Group>
      ),
    },
  ];
  // An image that never was, or that is hidden, has nothing in the bin.
  const nothing = <Empty icon={ArchiveX} title={frame.nothingMatches} />;
  if (source.error instanceof ApiError && source.error.status === 404) return nothing;
  return (
    <>
      <DataTable
        label={t.title}
        source={source}
        columns={columns}
        rowKey={(entry) => String(entry.id)}
        empty={
          filter.kind === undefined ? (
            <Empty icon={ArchiveX} title={t.empty}>
              {t.emptyHelp}
            </Empty>
          ) : (
            nothing
          )
        }
      />
      {restoring !== null && <RestoreDialog entry={restoring} onClose={() => setRestoring(null)} />}
      {purging !== null && <Purging entry={purging} onClose={() => setPurging(null)} />}
    </>
  );
}

function What({ entry }: { entry: Entry }) {
  const t = binTexts.use();
  const image = `${entry.namespace}/${entry.repository}`;
  if (entry.kind === 'image') {
    return (
      <div>
        <Text fw={600}>{image}</Text>
        <Text size="sm" c="dimmed">
          {t.tags(entry.tag_count)}
        </Text>
      </div>
    );
  }
  const first = entry.tags.slice(0, 3).join(', ');
  return (
    <div>
      <Anchor component={Link} to={`/images/${entry.namespace}/${encodeURIComponent(entry.repository)}`} c="inherit" fw={600}>
        {image}
      </Anchor>
      <Group gap={6}>
        <Text size="sm">
          {first === '' ? t.noTags : first} {entry.tag_count > 3 && t.more(entry.tag_count - 3)}
        </Text>
        {entry.digest && <Digest digest={entry.digest} />}
      </Group>
    </div>
  );
}

function Purging({ entry, onClose }: { entry: Entry; onClose: () => void }) {
  const t = binTexts.use();
  const queries = useQueryClient();
  const name = nameOf(entry);
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.purgeTitle(name)}
      goes={entry.tags.length > 0 ? entry.tags.map((tag) => `${entry.namespace}/${entry.repository}:${tag}`) : [name]}
      stays={[t.purgeStays]}
      confirm={t.purge}
      run={() => purge(entry.id)}
      onDone={() => {
        void queries.invalidateQueries({ queryKey: ['bin'] });
        notify.done(t.purged(name));
      }}
    />
  );
}
