import { Button, Group, Text } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { GitCompareArrows, RefreshCw, SearchX, Tags, Trash2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { bytes, count } from '../../app/format';
import { useRegistryAddress } from '../../app/registry';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Copy } from '../../components/Copy';
import { type Column, DataTable, type Order } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Moment } from '../../components/Moment';
import { Panel } from '../../components/Panel';
import { allows, type ImagePanelProps } from '../image/panel';
import { useImage } from '../image/useImage';
import { SyncDialog } from '../sync/SyncDialog';
import { pullOf } from './pull';
import { LayersCell, Platforms, PushedCell, TagCell } from './TagCells';
import { copyAndSay, TagMenu, type TagRequests } from './TagMenu';
import { type TagRow, useTags } from './tags';
import { tagTexts, type TagWords } from './texts';

const DeleteTags = lazy(() => import('./DeleteTags').then((module) => ({ default: module.DeleteTags })));
const RetagDialog = lazy(() => import('./RetagDialog').then((module) => ({ default: module.RetagDialog })));

/** The tags of an image. */
export function TagsPanel({ org, image, right }: ImagePanelProps) {
  const t = tagTexts.use();
  const { path } = useImage(org, image).image;
  const { text, order, setText, setOrder } = useListing();
  const source = useTags({ org, image, text, order });
  const elsewhere = layersElsewhere(source.loaded);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  // Kept by row: what was selected may have been scrolled away or filtered since.
  const [known, setKnown] = useState<ReadonlyMap<string, TagRow>>(new Map());
  const select = (keys: ReadonlySet<string>) => {
    const there = new Map(source.loaded.map((row) => [row.tag, row]));
    setKnown((old) => new Map([...keys].flatMap((key) => [[key, there.get(key) ?? old.get(key)] as const]).filter((entry): entry is readonly [string, TagRow] => entry[1] !== undefined)));
    setSelected(keys);
  };
  const [deleting, setDeleting] = useState<TagRow[]>([]);
  const [retagging, setRetagging] = useState<string>();
  const [syncing, setSyncing] = useState<string[]>([]);
  const requests: TagRequests = { onDelete: setDeleting, onRetag: setRetagging, onSync: setSyncing };
  const { secure } = useRegistryAddress();
  const command = (row: TagRow) => pullOf(path, row.tag, row.artifact_type, secure);
  const columns: Column<TagRow>[] = [
    { key: 'tag', label: t.column.tag, sort: 'version', cell: (row) => <TagCell org={org} image={image} row={row} /> },
    { key: 'platforms', label: t.column.platforms, width: 156, cell: (row) => <Platforms platforms={row.platforms ?? []} /> },
    { key: 'layers', label: t.column.layers, width: 164, cell: (row) => <LayersCell row={row} elsewhere={(digest) => elsewhere(digest, row)} /> },
    { key: 'size', label: t.column.size, sort: 'size', align: 'end', cell: (row) => <span style={{ whiteSpace: 'nowrap' }}>{bytes(row.size)}</span> },
    { key: 'updated', label: t.column.updated, sort: 'updated_at', cell: (row) => <PushedCell row={row} /> },
    { key: 'pulled', label: t.column.pulled, sort: 'pulled_at', cell: (row) => (row.pulled_at == null ? <Text c="dimmed">{t.never}</Text> : <Moment time={row.pulled_at} />) },
    {
      key: 'actions',
      label: '',
      width: 80,
      cell: (row) => (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <Copy text={command(row)} what={t.pullOf(row.tag)} />
          <TagMenu org={org} image={image} path={path} row={row} right={right} requests={requests} />
        </Group>
      ),
    },
  ];
  return (
    <Panel flush>
      <Group className="panel-body" justify="space-between" gap="sm">
        <FilterInput value={text} onChange={setText} label={t.filter} />
        {selected.size > 0 ? (
          <Bulk org={org} image={image} right={right} rows={[...known.values()]} requests={requests} onClear={() => select(new Set())} />
        ) : (
          <Total count={source.count} />
        )}
      </Group>
      <DataTable
        label={t.list(image)}
        source={source}
        columns={columns}
        rowKey={(row) => row.tag}
        order={order}
        onOrder={setOrder}
        selection={{ keys: selected, onChange: select }}
        keys={{ c: (row) => copyAndSay(command(row)) }}
        empty={<Nothing text={text} onClear={() => setText('')} />}
      />
      <Suspense fallback={null}>
        {deleting.length > 0 && (
          <DeleteTags
            org={org}
            image={image}
            rows={deleting}
            onClose={() => setDeleting([])}
            onDone={(gone) => select(new Set([...selected].filter((tag) => !gone.has(tag))))}
          />
        )}
        {retagging !== undefined && <RetagDialog org={org} image={image} tag={retagging} onClose={() => setRetagging(undefined)} />}
        <SyncDialog org={org} image={image} tags={syncing} opened={syncing.length > 0} onClose={() => setSyncing([])} />
      </Suspense>
    </Panel>
  );
}

/** What the address says about the list. */
function useListing() {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const text = typeof search['q'] === 'string' || typeof search['q'] === 'number' ? String(search['q']) : '';
  const column = typeof search['sort'] === 'string' ? search['sort'] : undefined;
  const order: Order | undefined = column === undefined ? { column: 'updated_at', descending: true } : { column, descending: search['desc'] === true };
  const change = (next: Record<string, string | boolean | undefined>) => void navigate({ to: '.', search: (old) => ({ ...old, ...next }), replace: true });
  return {
    text,
    order,
    setText: (next: string) => change({ q: next === '' ? undefined : next }),
    setOrder: (next: Order) => change({ sort: next.column, desc: next.descending || undefined }),
  };
}

/** Which layers of the tags that are there are in more than one image. */
function layersElsewhere(rows: TagRow[]): (layer: string, row: TagRow) => boolean {
  const images = new Map<string, Set<string>>();
  for (const row of rows) {
    for (const layer of row.layers ?? []) images.set(layer.digest, (images.get(layer.digest) ?? new Set()).add(row.digest));
  }
  return (layer, row) => [...(images.get(layer) ?? [])].some((digest) => digest !== row.digest);
}

function Total({ count: total }: { count: number | undefined }) {
  const t = tagTexts.use();
  const frame = frameTexts.use();
  return (
    <Text size="sm" c="dimmed" title={t.keys}>
      {total === undefined ? '' : frame.total(count(total))}
    </Text>
  );
}

/** What can be done with the selected tags. */
function Bulk({ org, image, right, rows, requests, onClear }: { org: string; image: string; right: ImagePanelProps['right']; rows: TagRow[]; requests: TagRequests; onClear: () => void }) {
  const t = tagTexts.use();
  const frame = frameTexts.use();
  const { administrator } = useSession();
  const [a, b] = rows;
  return (
    <Group gap="xs" role="group" aria-label={frame.selected(rows.length)}>
      <Text size="sm" aria-live="polite">
        {frame.selected(rows.length)}
      </Text>
      {rows.length === 2 && a !== undefined && b !== undefined ? (
        <Button size="xs" variant="default" leftSection={<GitCompareArrows size={14} aria-hidden />} renderRoot={(props) => <Link {...props} to="/images/$org/$image/compare" params={{ org, image }} search={{ a: a.tag, b: b.tag }} />}>
          {t.action.compareTwo}
        </Button>
      ) : (
        <ActionButton size="xs" variant="default" leftSection={<GitCompareArrows size={14} aria-hidden />} reason={t.compareReason}>
          {t.action.compareTwo}
        </ActionButton>
      )}
      {administrator && allows(right, 'manage') && (
        <Button size="xs" variant="default" leftSection={<RefreshCw size={14} aria-hidden />} onClick={() => requests.onSync(rows.map((row) => row.tag))}>
          {t.action.sync}
        </Button>
      )}
      {allows(right, 'manage') && (
        <Button size="xs" color="red" variant="light" leftSection={<Trash2 size={14} aria-hidden />} onClick={() => requests.onDelete(rows)}>
          {t.delete.confirm(rows.length)}
        </Button>
      )}
      <Button size="xs" variant="subtle" color="gray" onClick={onClear}>
        {t.action.clear}
      </Button>
    </Group>
  );
}

function Nothing({ text, onClear }: { text: string; onClear: () => void }) {
  const t: TagWords = tagTexts.use();
  const frame = frameTexts.use();
  if (text === '') {
    return (
      <Empty icon={Tags} title={t.none.title}>
        {t.none.help}
      </Empty>
    );
  }
  return (
    <Empty icon={SearchX} title={t.none.filtered} action={<Button variant="default" onClick={onClear}>{frame.clearFilter}</Button>} />
  );
}
