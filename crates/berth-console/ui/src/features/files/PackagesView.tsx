import { Group, Stack, Text } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Package } from 'lucide-react';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { useMarkerRows } from '../../components/rows';
import type { ContentViewProps } from '../image/panel';
import { found, type ImagePackage, keyOf, look, type Place, readPackages, useLook } from './content';
import { Making } from './Making';
import { Remarks } from './Remarks';
import { filesTexts, type FilesWords } from './texts';

/** Packages of a page, at most. */
const PAGE = 200;

/** What package managers installed in an image. */
export function PackagesView(place: ContentViewProps) {
  const summary = useLook(keyOf(place, 'packages'), () => look(readPackages(place, '', 1)));
  return (
    <Ask query={summary} rows={8}>
      {(answer) => (answer.pending !== null ? <Making pending={answer.pending} /> : <There place={place} total={answer.found.total} remarks={answer.found.remarks} />)}
    </Ask>
  );
}

function There({ place, total, remarks }: { place: Place; total: number; remarks: string[] }) {
  const t = filesTexts.use().packages;
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const text = search['text'] === undefined ? '' : String(search['text']);
  const filter = (next: string) => void navigate({ to: '.', search: (old) => ({ ...old, text: next === '' ? undefined : next }), replace: true });
  return (
    <Stack gap="md">
      <Remarks remarks={remarks} />
      {total === 0 ? (
        <div className="panel">
          <Empty icon={Package} title={t.empty}>
            {t.emptyHelp}
          </Empty>
        </div>
      ) : (
        <>
          <Group justify="space-between">
            <Text size="sm" c="dimmed">
              {t.total(total)}
            </Text>
            <FilterInput value={text} onChange={filter} label={t.search} />
          </Group>
          <Table key={text} place={place} text={text} />
        </>
      )}
    </Stack>
  );
}

function Table({ place, text }: { place: Place; text: string }) {
  const t = filesTexts.use();
  const frame = frameTexts.use();
  const source = useMarkerRows<ImagePackage>({
    key: keyOf(place, 'packages', text),
    read: async (marker) => {
      const page = await found(() => readPackages(place, text, PAGE, marker));
      return { rows: page.packages, next: page.next_marker };
    },
  });
  return (
    <section className="panel" aria-label={t.packages.label}>
      <DataTable
        label={t.packages.label}
        source={source}
        columns={columns(t)}
        rowKey={(one) => `${one.manager} ${one.name} ${one.version} ${one.architecture ?? ''}`}
        empty={<Empty icon={Package} title={frame.nothingMatches} />}
      />
    </section>
  );
}

function columns(t: FilesWords): Column<ImagePackage>[] {
  const { column } = t.packages;
  return [
    { key: 'name', label: column.name, cell: (one) => <strong style={{ overflowWrap: 'anywhere' }}>{one.name}</strong> },
    { key: 'version', label: column.version, cell: (one) => <code style={{ overflowWrap: 'anywhere' }}>{one.version}</code> },
    { key: 'architecture', label: column.architecture, width: 110, cell: (one) => one.architecture ?? '–' },
    { key: 'source', label: column.source, cell: (one) => one.source ?? '–' },
    { key: 'licence', label: column.licence, cell: (one) => one.licence ?? '–' },
    { key: 'manager', label: column.manager, width: 110, cell: (one) => one.manager },
  ];
}
