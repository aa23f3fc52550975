import { Button, Group, Select, Text } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { FilterX, Share2 } from 'lucide-react';
import { frameTexts } from '../../app/texts.frame';
import { Copy } from '../../components/Copy';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { useOffsetRows } from '../../components/rows';
import { Until } from '../sharing/Until';
import { fullName, pullCommand, Tags } from './ImagesTable';
import { type ImagesWanted, type ListedImage, readImages } from './list';
import { imagesTexts } from './texts';

interface InAddress {
  q?: string;
  state?: 'valid' | 'ended';
  sort?: string;
  desc?: boolean;
}

/** Images of other accounts that were shared with the reader's. */
export function SharedPage() {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const search = useSearch({ strict: false }) as InAddress;
  const navigate = useNavigate();
  const change = (next: { [K in keyof InAddress]: InAddress[K] | undefined }) => {
    const merged = Object.entries({ ...search, ...next }).filter(([, value]) => value !== undefined && value !== '' && value !== false);
    void navigate({ to: '.', search: Object.fromEntries(merged), replace: true });
  };
  const wanted: ImagesWanted = {
    set: 'shared_with_me',
    text: String(search.q ?? ''),
    org: '',
    category: '',
    visibility: '',
    state: search.state ?? '',
    column: search.sort ?? 'full_name',
    descending: search.desc === true,
  };
  const source = useOffsetRows<ListedImage>({ key: ['images', wanted], read: (offset, limit) => readImages(wanted, offset, limit) });
  const filtered = wanted.text !== '' || wanted.state !== '';
  const empty = filtered ? (
    <Empty icon={FilterX} title={frame.nothingMatches} action={<Button variant="default" onClick={() => change({ q: '', state: undefined })}>{frame.clearFilter}</Button>} />
  ) : (
    <Empty icon={Share2} title={t.shared.emptyTitle}>
      {t.shared.emptyHelp}
    </Empty>
  );
  return (
    <Page title={t.shared.title} intro={t.shared.intro}>
      <Panel flush>
        <Group className="panel-body" gap="xs" role="search" aria-label={t.filters}>
          <FilterInput value={wanted.text} onChange={(q) => change({ q })} label={t.search} />
          <Select
            aria-label={t.shared.status}
            placeholder={t.shared.all}
            data={[
              { value: 'valid', label: t.shared.valid },
              { value: 'ended', label: t.shared.ended },
            ]}
            value={search.state ?? null}
            onChange={(state) => change({ state: (state ?? undefined) as InAddress['state'] })}
            clearable
            clearButtonProps={{ 'aria-label': t.shared.all }}
            w={{ base: '100%', xs: 180 }}
          />
        </Group>
        <DataTable
          label={t.shared.title}
          source={source}
          columns={useColumns()}
          rowKey={fullName}
          order={{ column: wanted.column, descending: wanted.descending }}
          onOrder={(order) => change({ sort: order.column, desc: order.descending })}
          empty={empty}
        />
      </Panel>
    </Page>
  );
}

function useColumns(): Column<ListedImage>[] {
  const t = imagesTexts.use();
  return [
    { key: 'name', label: t.columns.name, sort: 'full_name', cell: (image) => <Name image={image} /> },
    { key: 'owner', label: t.columns.owner, sort: 'domain_name', cell: (image) => image.domain_name },
    { key: 'until', label: t.columns.validUntil, cell: (image) => <Until deadline={image.share?.deadline} valid={image.share?.valid ?? false} /> },
    { key: 'description', label: t.columns.description, cell: (image) => image.share?.description || <Text span c="dimmed">–</Text> },
    { key: 'permission', label: t.columns.permission, cell: () => t.shared.pullOnly },
    { key: 'tags', label: t.columns.tags, sort: 'num_images', cell: (image) => (image.share?.valid === true ? <Tags image={image} /> : <Text span c="dimmed">–</Text>) },
    { key: 'pull', label: t.columns.pull, cell: (image) => (image.share?.valid === true ? <Pull image={image} /> : <Text span c="dimmed">–</Text>) },
  ];
}

/** The way to the image, as long as the share counts. */
function Name({ image }: { image: ListedImage }) {
  const name = fullName(image);
  if (image.share?.valid !== true) return <Text c="dimmed">{name}</Text>;
  return (
    <Link to="/images/$org/$image" params={{ org: image.namespace, image: image.name }} className="row-link">
      {name}
    </Link>
  );
}

function Pull({ image }: { image: ListedImage }) {
  const t = imagesTexts.use();
  const command = pullCommand(image);
  return (
    <Group gap={4} wrap="nowrap">
      <code title={command} style={{ maxWidth: 260, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}>
        {command}
      </code>
      <Copy text={command} what={t.pullOf(fullName(image))} />
    </Group>
  );
}
