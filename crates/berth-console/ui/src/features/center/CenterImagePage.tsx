import { Badge, Button, Group, NativeSelect, Stack, Text } from '@mantine/core';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { SearchX, Tags } from 'lucide-react';
import { useState } from 'react';
import { bytes, count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { CommandBox } from '../../components/CommandBox';
import { Copy } from '../../components/Copy';
import { type Column, DataTable, type Order } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { Markdown } from '../image/Markdown';
import { manifestFacts } from '../tag/manifest';
import { CLIENTS, type Client, imageReference, pullCommand } from '../tag/pull';
import { Platforms } from '../tag/TagCells';
import { type PublicTag, useMayLook, usePublicImage, usePublicTags } from './center';
import { categoryName, Closed } from './CenterPage';
import { centerTexts } from './texts';

/** A public image, for everybody. */
export function CenterImagePage() {
  const { org, image } = useParams({ from: '/framed/center/$org/$image' });
  return useMayLook() ? <Shown org={org} image={image} /> : <NotForAll title={`${org}/${image}`} />;
}

/** What stands here for who has to sign in first. */
function NotForAll({ title }: { title: string }) {
  const t = centerTexts.use();
  return (
    <Page title={title} crumbs={[{ label: t.title, to: '/center' }, { label: title }]}>
      <Panel>
        <Closed title={t.hidden.title} help={t.hidden.help} />
      </Panel>
    </Page>
  );
}

function Shown({ org, image }: { org: string; image: string }) {
  const t = centerTexts.use();
  const shown = usePublicImage(org, image);
  if (shown === null) return <NotForAll title={`${org}/${image}`} />;
  const isMine = shown.self_rights !== null && shown.self_rights !== undefined && shown.self_rights.source !== 'public';
  return (
    <Page
      title={`${org}/${image}`}
      crumbs={[{ label: t.title, to: '/center' }, { label: `${org}/${image}` }]}
      intro={
        <Group gap="xs">
          <Group gap={2}>
            <code>{shown.path}</code>
            <Copy text={shown.path} what={shown.path} />
          </Group>
          {shown.category !== '' && (
            <Badge variant="default" size="sm" tt="none" fw={500}>
              {categoryName(shown.category, t)}
            </Badge>
          )}
          <span>{t.facts.by(shown.domain_name)}</span>
          <span>{t.facts.tags(count(shown.num_images), shown.num_images)}</span>
          <span>{t.facts.pulls(count(shown.num_download), shown.num_download)}</span>
          <span>
            {t.facts.updated} <Moment time={shown.updated_at} />
          </span>
        </Group>
      }
      actions={
        isMine && (
          <Button variant="default" renderRoot={(props) => <Link {...props} to="/images/$org/$image" params={{ org, image }} />}>
            {t.open}
          </Button>
        )
      }
    >
      {shown.newest_tag !== null && shown.newest_tag !== undefined && <Pull path={shown.path} tag={shown.newest_tag.tag} />}
      <Panel title={t.about}>
        {shown.description === '' ? <Text c="dimmed">{t.noDescription}</Text> : <Markdown text={shown.description} />}
      </Panel>
      <TagList org={org} image={image} path={shown.path} />
    </Page>
  );
}

/** How the newest tag is pulled, by a client that one chooses. */
function Pull({ path, tag }: { path: string; tag: string }) {
  const t = centerTexts.use();
  const [client, setClient] = useState<Client>('docker');
  return (
    <Panel title={t.pull}>
      <Stack gap="xs">
        <Text size="sm" c="dimmed">
          {t.pullHelp}
        </Text>
        <Group gap="sm" align="flex-start">
          <NativeSelect
            aria-label={t.pull}
            value={client}
            onChange={(event) => setClient(CLIENTS.find((known) => known === event.currentTarget.value) ?? 'docker')}
            data={[...CLIENTS]}
          />
          <div style={{ flex: 1, minWidth: 220 }}>
            <CommandBox command={pullCommand(client, imageReference(path, tag), undefined, false)} what={t.pullOf(path)} />
          </div>
        </Group>
      </Stack>
    </Panel>
  );
}

function TagList({ org, image, path }: { org: string; image: string; path: string }) {
  const t = centerTexts.use();
  const frame = frameTexts.use();
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const text = search['q'] === undefined ? '' : String(search['q']);
  const column = search['sort'] === undefined ? undefined : String(search['sort']);
  const order: Order = { column: column ?? 'updated_at', descending: column === undefined || search['desc'] === true };
  const change = (next: Record<string, string | boolean | undefined>) => void navigate({ to: '.', search: (old) => ({ ...old, ...next }), replace: true });
  const source = usePublicTags(org, image, text, order);
  const columns: Column<PublicTag>[] = [
    {
      key: 'tag',
      label: t.tagColumn.tag,
      sort: 'tag',
      cell: (row) => (
        <div>
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {row.tag}
          </Text>
          <Text size="xs" c="dimmed" component="span">
            <Digest digest={row.digest} />
          </Text>
        </div>
      ),
    },
    { key: 'platforms', label: t.tagColumn.platforms, cell: (row) => <Platforms platforms={manifestFacts(row.manifest ?? '')?.platforms ?? []} /> },
    { key: 'size', label: t.tagColumn.size, align: 'end', cell: (row) => <span style={{ whiteSpace: 'nowrap' }}>{bytes(row.size)}</span> },
    { key: 'updated', label: t.tagColumn.updated, sort: 'updated_at', cell: (row) => <Moment time={row.updated} /> },
    { key: 'actions', label: '', width: 44, cell: (row) => <Copy text={pullCommand('docker', imageReference(path, row.tag))} what={t.pullOf(row.tag)} /> },
  ];
  return (
    <Panel title={t.tags} flush>
      <Group className="panel-body" justify="space-between" gap="sm">
        <FilterInput value={text} onChange={(q) => change({ q: q || undefined })} label={t.filterTags} />
        <Text size="sm" c="dimmed">
          {source.count === undefined ? '' : frame.total(count(source.count))}
        </Text>
      </Group>
      <DataTable
        label={t.tagList(image)}
        source={source}
        columns={columns}
        rowKey={(row) => row.tag}
        order={order}
        onOrder={(next) => change({ sort: next.column, desc: next.descending || undefined })}
        empty={
          text === '' ? (
            <Empty icon={Tags} title={t.noTags}>
              {t.noTagsHelp}
            </Empty>
          ) : (
            <Empty icon={SearchX} title={t.noTagFits} />
          )
        }
      />
    </Panel>
  );
}
