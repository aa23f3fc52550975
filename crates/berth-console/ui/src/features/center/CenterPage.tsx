import { Badge, Button, Group, NativeSelect, Text } from '@mantine/core';
import { Link, useNavigate, useRouterState, useSearch } from '@tanstack/react-router';
import { Globe2, LogIn, SearchX } from 'lucide-react';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Copy } from '../../components/Copy';
import { type Column, DataTable, type Order } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { imageReference, pullCommand } from '../tag/pull';
import { Platforms } from '../tag/TagCells';
import { type PublicImage, useMayLook, usePublicImages, useSettings } from './center';
import { centerTexts, type CenterWords } from './texts';

/** Processors that images are made for. */
const ARCHITECTURES = ['amd64', 'arm64', 'arm', '386', 'ppc64le', 's390x', 'riscv64', 'loong64'];

/** The public images of the registry, for everybody. */
export function CenterPage() {
  const t = centerTexts.use();
  const mayLook = useMayLook();
  return (
    <Page title={t.title} intro={t.intro}>
      <Panel flush>{mayLook ? <Images /> : <Closed />}</Panel>
    </Page>
  );
}

/** What somebody sees who must sign in first. */
export function Closed({ title, help }: { title?: string; help?: string }) {
  const t = centerTexts.use();
  const next = useRouterState({ select: (state) => state.location.href });
  return (
    <Empty
      icon={Globe2}
      title={title ?? t.closed.title}
      action={
        <Button leftSection={<LogIn size={16} aria-hidden />} renderRoot={(props) => <Link {...props} to="/sign-in" search={{ next }} />}>
          {t.closed.action}
        </Button>
      }
    >
      {help ?? t.closed.help}
    </Empty>
  );
}

function Images() {
  const t = centerTexts.use();
  const frame = frameTexts.use();
  const { categories } = useSettings();
  const { wanted, change } = useWanted();
  const source = usePublicImages(wanted);
  const columns: Column<PublicImage>[] = [
    { key: 'name', label: t.column.name, sort: 'full_name', cell: (row) => <Name row={row} /> },
    {
      key: 'description',
      label: t.column.description,
      cell: (row) => (
        <Text size="sm" c="dimmed" lineClamp={2} maw={380}>
          {row.description === '' ? '–' : plain(row.description)}
        </Text>
      ),
    },
    { key: 'platforms', label: t.column.platforms, width: 190, cell: (row) => <Platforms platforms={row.newest_tag?.platforms ?? []} /> },
    { key: 'pulls', label: t.column.pulls, sort: 'num_download', align: 'end', cell: (row) => count(row.num_download) },
    { key: 'updated', label: t.column.updated, sort: 'updated_at', cell: (row) => <Moment time={row.updated_at} /> },
    { key: 'actions', label: '', width: 44, cell: (row) => <PullOf row={row} /> },
  ];
  return (
    <>
      <Group className="panel-body" gap="sm">
        <FilterInput value={wanted.text} onChange={(q) => change({ q: q || undefined })} label={t.search} />
        <NativeSelect
          aria-label={t.category}
          value={wanted.category ?? ''}
          onChange={(event) => change({ category: event.currentTarget.value || undefined })}
          data={[{ value: '', label: t.anyCategory }, ...categories.map((category) => ({ value: category, label: categoryName(category, t) }))]}
        />
        <NativeSelect
          aria-label={t.architecture}
          value={wanted.architecture ?? ''}
          onChange={(event) => change({ architecture: event.currentTarget.value || undefined })}
          data={[{ value: '', label: t.anyArchitecture }, ...ARCHITECTURES]}
        />
        <Text size="sm" c="dimmed" ml="auto" aria-live="polite">
          {source.count === undefined ? '' : frame.total(count(source.count))}
        </Text>
      </Group>
      <DataTable
        label={t.list}
        source={source}
        columns={columns}
        rowKey={(row) => `${row.namespace}/${row.name}`}
        order={wanted.order}
        onOrder={(order) => change({ sort: order.column, desc: order.descending || undefined })}
        empty={<Nothing filtered={wanted.text !== '' || wanted.category !== undefined || wanted.architecture !== undefined} onClear={() => change({ q: undefined, category: undefined, architecture: undefined })} />}
      />
    </>
  );
}

function Name({ row }: { row: PublicImage }) {
  const t = centerTexts.use();
  return (
    <div style={{ minWidth: 0 }}>
      <Link to="/center/$org/$image" params={{ org: row.namespace, image: row.name }} className="row-link">
        {`${row.namespace}/${row.name}`}
      </Link>
      {row.category !== '' && (
        <div>
          <Badge variant="default" size="sm" tt="none" fw={500}>
            {categoryName(row.category, t)}
          </Badge>
        </div>
      )}
    </div>
  );
}

function PullOf({ row }: { row: PublicImage }) {
  const t = centerTexts.use();
  if (row.newest_tag === null || row.newest_tag === undefined) return null;
  return <Copy text={pullCommand('docker', imageReference(row.path, row.newest_tag.tag))} what={t.pullOf(row.name)} />;
}

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  const t = centerTexts.use();
  const frame = frameTexts.use();
  if (filtered) {
    return (
      <Empty
        icon={SearchX}
        title={t.filtered}
        action={
          <Button variant="default" onClick={onClear}>
            {frame.clearFilter}
          </Button>
        }
      />
    );
  }
  return (
    <Empty icon={Globe2} title={t.empty.title}>
      {t.empty.help}
    </Empty>
  );
}

/** What the address says about the list. */
function useWanted() {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const text = (key: string) => (search[key] === undefined ? undefined : String(search[key]));
  const order: Order = { column: text('sort') ?? 'num_download', descending: text('sort') === undefined || search['desc'] === true };
  const change = (next: Record<string, string | boolean | undefined>) => void navigate({ to: '.', search: (old) => ({ ...old, ...next }), replace: true });
  return { wanted: { text: text('q') ?? '', category: text('category'), architecture: text('architecture'), order }, change };
}

/** A category in words; one that this console does not know yet as it is. */
export function categoryName(category: string, t: CenterWords): string {
  return (t.categories as Record<string, string>)[category] ?? category;
}

/** The beginning of a description without the signs of Markdown. */
function plain(description: string): string {
  return description.replaceAll(/[*_`#>[\]]+/g, '').replaceAll(/\s+/g, ' ').trim();
}
