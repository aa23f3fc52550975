import { Button, Checkbox, Group, Select, Text } from '@mantine/core';
import { FilterX, Pencil, Trash2, X } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Panel } from '../../components/Panel';
import { useOffsetRows } from '../../components/rows';
import { fullName, ImagesTable } from './ImagesTable';
import { CATEGORIES, type ListedImage, mayWith, readImages, useOrganizationNames } from './list';
import { imagesTexts } from './texts';
import { useImagesSearch } from './useImagesSearch';

const EditImageDialog = lazy(() => import('../image/EditImageDialog').then((module) => ({ default: module.EditImageDialog })));
const DeleteImageDialog = lazy(() => import('../image/DeleteImageDialog').then((module) => ({ default: module.DeleteImageDialog })));
const BulkChangeDialog = lazy(() => import('./BulkDialogs').then((module) => ({ default: module.BulkChangeDialog })));
const BulkDeleteDialog = lazy(() => import('./BulkDialogs').then((module) => ({ default: module.BulkDeleteDialog })));

type Asked = { what: 'edit' | 'delete'; image: ListedImage } | { what: 'bulk-change' | 'bulk-delete' } | null;

/** A list of images with filter, order and selection; of one organization when it is named. */
export function ImageList({ org, empty }: { org?: string; empty: ReactNode }) {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const search = useImagesSearch(org === undefined ? undefined : { org });
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<Asked>(null);
  const source = useOffsetRows<ListedImage>({
    key: ['images', search.wanted],
    read: (offset, limit) => readImages(search.wanted, offset, limit),
  });
  const chosen = source.loaded.filter((image) => keys.has(fullName(image)));
  const close = () => setAsked(null);
  const finished = () => {
    setKeys(new Set());
    close();
  };
  const nothing = search.filtered ? (
    <Empty icon={FilterX} title={frame.nothingMatches} action={<Button variant="default" onClick={search.clear}>{frame.clearFilter}</Button>} />
  ) : (
    empty
  );
  return (
    <Panel flush>
      {!(source.count === 0 && !search.filtered) && (
      <div className="panel-body">
        {chosen.length > 0 ? (
          <Bulk chosen={chosen} onClear={() => setKeys(new Set())} onChange={() => setAsked({ what: 'bulk-change' })} onDelete={() => setAsked({ what: 'bulk-delete' })} />
        ) : (
          <Filters search={search} inside={org !== undefined} />
        )}
      </div>
      )}
      <ImagesTable
        source={source}
        order={search.order}
        onOrder={search.setOrder}
        selection={{ keys, onChange: setKeys }}
        actions={{ edit: (image) => setAsked({ what: 'edit', image }), remove: (image) => setAsked({ what: 'delete', image }) }}
        empty={nothing}
        inside={org !== undefined}
      />
      {source.count !== undefined && source.count > 0 && (
        <Text size="sm" c="dimmed" className="panel-foot" role="status">
          {t.images(count(source.count), source.count)}
        </Text>
      )}
      <Suspense fallback={null}>
        {asked?.what === 'edit' && <EditImageDialog org={asked.image.namespace} image={asked.image.name} onClose={close} />}
        {asked?.what === 'delete' && <DeleteImageDialog org={asked.image.namespace} image={asked.image.name} onClose={close} onDone={finished} />}
        {asked?.what === 'bulk-change' && <BulkChangeDialog images={chosen} onClose={close} onDone={finished} />}
        {asked?.what === 'bulk-delete' && <BulkDeleteDialog images={chosen} onClose={close} onDone={finished} />}
      </Suspense>
    </Panel>
  );
}

function Bulk({ chosen, onClear, onChange, onDelete }: { chosen: ListedImage[]; onClear: () => void; onChange: () => void; onDelete: () => void }) {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const lacks = (right: 'write' | 'manage') => (chosen.every((image) => mayWith(image, right)) ? undefined : frame.needs[right]);
  return (
    <Group gap="xs" role="toolbar" aria-label={frame.selected(chosen.length)} mih={36}>
      <Text fw={600}>{frame.selected(chosen.length)}</Text>
      <ActionButton variant="default" size="xs" leftSection={<Pencil size={14} aria-hidden />} reason={lacks('write')} onClick={onChange}>
        {t.bulk.change}
      </ActionButton>
      <ActionButton variant="default" size="xs" leftSection={<Trash2 size={14} aria-hidden />} reason={lacks('manage')} onClick={onDelete}>
        {t.bulk.delete}
      </ActionButton>
      <Button variant="subtle" color="gray" size="xs" leftSection={<X size={14} aria-hidden />} onClick={onClear}>
        {t.bulk.clear}
      </Button>
    </Group>
  );
}

function Filters({ search, inside }: { search: ReturnType<typeof useImagesSearch>; inside: boolean }) {
  const t = imagesTexts.use();
  const organizations = useOrganizationNames();
  const { wanted, change } = search;
  const shared = wanted.set === 'shared_by_me';
  return (
    <Group gap="xs" role="search" aria-label={t.filters}>
      <FilterInput value={wanted.text} onChange={(q) => change({ q })} label={t.search} />
      {!inside && (
        <Select
          aria-label={t.organization}
          placeholder={t.allOrganizations}
          data={organizations.data?.map((one) => one.name) ?? []}
          value={wanted.org === '' ? null : wanted.org}
          onChange={(org) => change({ org: org ?? undefined })}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': t.allOrganizations }}
          w={{ base: '100%', xs: 168 }}
        />
      )}
      <Select
        aria-label={t.category}
        placeholder={t.allCategories}
        data={CATEGORIES.map((category) => ({ value: category, label: t.categories[category] }))}
        value={wanted.category === '' ? null : wanted.category}
        onChange={(category) => change({ category: category ?? undefined })}
        clearable
        clearButtonProps={{ 'aria-label': t.allCategories }}
        w={{ base: '100%', xs: 168 }}
      />
      <Select
        aria-label={t.visibility}
        placeholder={t.allVisibilities}
        data={[
          { value: 'private', label: t.private },
          { value: 'public', label: t.public },
        ]}
        value={wanted.visibility === '' ? null : wanted.visibility}
        onChange={(type) => change({ type: type ?? undefined })}
        clearable
        clearButtonProps={{ 'aria-label': t.allVisibilities }}
        w={{ base: '100%', xs: 172 }}
      />
      {!inside && <Checkbox size="xs" label={t.onlyShared} checked={shared} onChange={(event) => change({ shared: event.currentTarget.checked })} />}
    </Group>
  );
}
