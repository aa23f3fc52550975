import { Group, SegmentedControl, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { CircleCheck } from 'lucide-react';
import { bytes } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { useMarkerRows } from '../../components/rows';
import { found, look, useLook } from '../files/content';
import { Making } from '../files/Making';
import { Remarks } from '../files/Remarks';
import './compare.css';
import { ChangeMark } from './Marks';
import { type Change, type ChangedFile, type FileChanges as Changes, type Pair, pairKey, readChanges } from './queries';
import { compareTexts, type CompareWords } from './texts';

/** Files of a page, at most. */
const PAGE = 200;
const CHANGES: Change[] = ['added', 'removed', 'changed'];

/** The files that two images do not have alike. */
export function FileChanges({ pair }: { pair: Pair }) {
  const summary = useLook<Changes>(pairKey(pair, 'files'), () => look(readChanges(pair, '', undefined, 1)));
  return (
    <Ask query={summary} rows={8}>
      {(answer) => (answer.pending !== null ? <Making pending={answer.pending} /> : <There pair={pair} summary={answer.found} />)}
    </Ask>
  );
}

function There({ pair, summary }: { pair: Pair; summary: Changes }) {
  const t = compareTexts.use();
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const text = search['text'] === undefined ? '' : String(search['text']);
  const change = CHANGES.find((one) => one === search['change']);
  const set = (next: Record<string, string | undefined>) =>
    void navigate({
      to: '.',
      search: (old) => Object.fromEntries(Object.entries({ ...old, ...next }).filter(([, value]) => value !== '' && value !== undefined)),
      replace: true,
    });
  const { sums } = summary;
  if (summary.files.length === 0) {
    return (
      <Stack gap="md">
        <Remarks remarks={summary.remarks} />
        <div className="panel">
          <Empty icon={CircleCheck} title={t.files.none}>
            {t.files.noneHelp}
          </Empty>
        </div>
      </Stack>
    );
  }
  return (
    <Stack gap="md">
      <Remarks remarks={summary.remarks} />
      <Group justify="space-between" align="flex-end">
        <div className="scroll-x">
          <SegmentedControl
            aria-label={t.files.column.change}
            data={[{ value: '', label: t.change.all }, ...CHANGES.map((value) => ({ value, label: t.change[value] }))]}
            value={change ?? ''}
            onChange={(next) => set({ change: next })}
          />
        </div>
        <FilterInput value={text} onChange={(next) => set({ text: next })} label={t.files.search} />
      </Group>
      <Text size="sm" c="dimmed" className="tabular">
        {t.files.added(sums.added, bytes(sums.added_size))} · {t.files.removed(sums.removed, bytes(sums.removed_size))} ·{' '}
        {t.files.changed(sums.changed, signed(sums.changed_size))}
      </Text>
      <Table key={`${text} ${change ?? ''}`} pair={pair} text={text} change={change} />
    </Stack>
  );
}

function Table({ pair, text, change }: { pair: Pair; text: string; change: Change | undefined }) {
  const t = compareTexts.use();
  const frame = frameTexts.use();
  const source = useMarkerRows<ChangedFile>({
    key: pairKey(pair, 'files', text, change ?? ''),
    read: async (marker) => {
      const page = await found(() => readChanges(pair, text, change, PAGE, marker));
      return { rows: page.files, next: page.next_marker };
    },
  });
  return (
    <section className="panel" aria-label={t.files.label}>
      <DataTable
        label={t.files.label}
        source={source}
        columns={columns(t)}
        rowKey={(one) => `${one.change} ${pathOf(one)}`}
        empty={<Empty icon={CircleCheck} title={frame.nothingMatches} />}
      />
    </section>
  );
}

function columns(t: CompareWords): Column<ChangedFile>[] {
  const { column } = t.files;
  return [
    { key: 'change', label: column.change, width: 120, cell: (one) => <ChangeMark change={one.change} /> },
    { key: 'path', label: column.path, cell: (one) => <code style={{ overflowWrap: 'anywhere' }}>{pathOf(one)}{kindOf(one) === 'directory' && '/'}</code> },
    { key: 'before', label: column.before, width: 110, align: 'end', cell: (one) => (one.before == null ? '–' : bytes(one.before.size)) },
    { key: 'after', label: column.after, width: 110, align: 'end', cell: (one) => (one.after == null ? '–' : bytes(one.after.size)) },
    { key: 'difference', label: column.difference, width: 150, align: 'end', cell: (one) => difference(one, t) },
  ];
}

function difference({ before, after }: ChangedFile, t: CompareWords): string {
  if (before != null && after != null && (before.mode !== after.mode || before.uid !== after.uid || before.gid !== after.gid) && before.size === after.size) {
    return t.files.attributes;
  }
  return signed((after?.size ?? 0) - (before?.size ?? 0));
}

function pathOf(file: ChangedFile): string {
  return (file.after ?? file.before)?.path ?? '';
}

function kindOf(file: ChangedFile) {
  return (file.after ?? file.before)?.kind;
}

/** Bytes with their sign. */
function signed(size: number): string {
  if (size === 0) return bytes(0);
  return size > 0 ? `+${bytes(size)}` : `−${bytes(-size)}`;
}
