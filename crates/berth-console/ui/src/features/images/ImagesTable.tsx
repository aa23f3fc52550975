import { ActionIcon, Group, Menu, Text, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { Copy as CopyIcon, EllipsisVertical, Pencil, Share2, Trash2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { bytes, count, moment } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { type Column, DataTable, type Order, type Selection } from '../../components/DataTable';
import { Moment } from '../../components/Moment';
import * as notify from '../../components/notify';
import type { RowSource } from '../../components/rows';
import { CategoryName, Visibility } from './Labels';
import { type ListedImage, mayWith } from './list';
import { type ImagesWords, imagesTexts } from './texts';

/** What can be asked for of an image in the list. */
export interface RowActions {
  edit: (image: ListedImage) => void;
  remove: (image: ListedImage) => void;
}

/** The key of a row: the image's full name. */
export function fullName(image: { namespace: string; name: string }): string {
  return `${image.namespace}/${image.name}`;
}

/** Images with what one wants to know of each at a glance. `inside`: all are of one organization, which is not repeated. */
export function ImagesTable({
  source,
  order,
  onOrder,
  selection,
  actions,
  empty,
  inside = false,
}: {
  source: RowSource<ListedImage>;
  order: Order;
  onOrder: (order: Order) => void;
  selection?: Selection;
  actions: RowActions;
  empty: ReactNode;
  inside?: boolean;
}) {
  const t = imagesTexts.use();
  return (
    <DataTable
      label={t.title}
      source={source}
      columns={columns(t, actions).filter((column) => !(inside && column.key === 'organization'))}
      rowKey={fullName}
      order={order}
      onOrder={onOrder}
      {...(selection === undefined ? {} : { selection })}
      keys={{ c: (image) => void copyPull(image), e: (image) => mayWith(image, 'write') && actions.edit(image) }}
      empty={empty}
    />
  );
}

function columns(t: ImagesWords, actions: RowActions): Column<ListedImage>[] {
  return [
    { key: 'name', label: t.columns.name, sort: 'name', cell: (image) => <Name image={image} /> },
    {
      key: 'organization',
      label: t.columns.organization,
      sort: 'namespace',
      cell: (image) => (
        <Link to="/organizations/$org" params={{ org: image.namespace }} className="row-link" style={{ fontWeight: 400, overflowWrap: 'break-word' }}>
          {image.namespace}
        </Link>
      ),
    },
    { key: 'visibility', label: t.columns.visibility, sort: 'is_public', cell: (image) => <Visibility isPublic={image.is_public} /> },
    { key: 'category', label: t.columns.category, cell: (image) => <CategoryName category={image.category} /> },
    { key: 'tags', label: t.columns.tags, sort: 'num_images', cell: (image) => <Tags image={image} /> },
    { key: 'size', label: t.columns.size, sort: 'size', align: 'end', cell: (image) => <span style={{ whiteSpace: 'nowrap' }}>{bytes(image.size)}</span> },
    { key: 'pulls', label: t.columns.pulls, sort: 'num_download', align: 'end', cell: (image) => count(image.num_download) },
    { key: 'updated', label: t.columns.updated, sort: 'updated_at', cell: (image) => <Moment time={image.updated_at} /> },
    { key: 'actions', label: '', width: 44, cell: (image) => <Actions image={image} actions={actions} /> },
  ];
}

function Name({ image }: { image: ListedImage }) {
  const t = imagesTexts.use();
  return (
    <div style={{ minWidth: 0 }}>
      <Group gap={6} wrap="nowrap">
        <Link to="/images/$org/$image" params={{ org: image.namespace, image: image.name }} className="row-link">
          {image.name}
        </Link>
        {(image.shares ?? 0) > 0 && (
          <Tooltip label={t.sharedWith(image.shares ?? 0)}>
            <span tabIndex={0} role="img" aria-label={t.sharedWith(image.shares ?? 0)} style={{ display: 'inline-flex' }}>
              <Share2 size={13} aria-hidden style={{ opacity: 0.75 }} />
            </span>
          </Tooltip>
        )}
      </Group>
      {image.description !== '' && (
        <Text size="xs" c="dimmed" lineClamp={1} visibleFrom="sm">
          {plain(image.description)}
        </Text>
      )}
    </div>
  );
}

/** The newest tag, and how many there are besides. */
export function Tags({ image }: { image: ListedImage }) {
  const t = imagesTexts.use();
  if (image.num_images === 0) return <Text span c="dimmed">{t.noTags}</Text>;
  const newest = image.newest_tag;
  return (
    <Group gap={6} wrap="nowrap" display="inline-flex">
      {newest === null || newest === undefined ? (
        count(image.num_images)
      ) : (
        <Tooltip label={t.pushed(newest.tag, moment(newest.updated))}>
          <code tabIndex={0} style={{ maxWidth: 140, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}>
            {newest.tag}
          </code>
        </Tooltip>
      )}
      {newest !== null && newest !== undefined && image.num_images > 1 && (
        <Text span size="xs" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
          {t.moreTags(count(image.num_images - 1))}
        </Text>
      )}
    </Group>
  );
}

function Actions({ image, actions }: { image: ListedImage; actions: RowActions }) {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const clipboard = useClipboard();
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t.actionsOf(fullName(image))}>
          <EllipsisVertical size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<CopyIcon size={15} aria-hidden />}
          onClick={() => {
            clipboard.copy(pullCommand(image));
            notify.done(frame.copied);
          }}
        >
          {t.copyPull}
        </Menu.Item>
        {mayWith(image, 'write') && (
          <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => actions.edit(image)}>
            {frame.edit}
          </Menu.Item>
        )}
        {mayWith(image, 'manage') && (
          <Menu.Item leftSection={<Trash2 size={15} aria-hidden />} color="red" onClick={() => actions.remove(image)}>
            {frame.delete}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

/** What a client types to pull the newest tag. */
export function pullCommand(image: ListedImage): string {
  const tag = image.newest_tag?.tag;
  return `docker pull ${image.path}${tag === undefined ? '' : `:${tag}`}`;
}

async function copyPull(image: ListedImage): Promise<void> {
  await navigator.clipboard.writeText(pullCommand(image));
  notify.done(frameTexts.now().copied);
}

/** The first words of a description without what makes it Markdown. */
function plain(description: string): string {
  return description.slice(0, 300).replaceAll(/[#*_`>|]+/g, '').replaceAll(/\s+/g, ' ').trim();
}
