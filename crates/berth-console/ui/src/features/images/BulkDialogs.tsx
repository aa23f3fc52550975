import { Select, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, inPath } from '../../api/client';
import { Confirm } from '../../components/Confirm';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { fullName } from './ImagesTable';
import { type Category, CATEGORIES, type ListedImage } from './list';
import { imagesTexts } from './texts';

interface BulkProps {
  images: ListedImage[];
  onClose: () => void;
  onDone: () => void;
}

/** One image after the other, as the API has it; what fails stops the rest and says how far it came. */
async function each(images: ListedImage[], act: (image: ListedImage) => Promise<unknown>): Promise<void> {
  let done = 0;
  for (const image of images) {
    try {
      await act(image);
    } catch (error) {
      if (error instanceof Error) error.message = `${imagesTexts.now().bulk.partly(done, images.length)} ${fullName(image)}: ${error.message}`;
      throw error;
    }
    done += 1;
  }
}

function params(image: ListedImage) {
  return { params: { path: { namespace: image.namespace, repository: inPath(image.name) } } };
}

function useRefresh() {
  const queries = useQueryClient();
  return () => {
    for (const key of ['images', 'image', 'organizations', 'organization']) void queries.invalidateQueries({ queryKey: [key] });
  };
}

/** Type and category of many images at once. */
export function BulkChangeDialog({ images, onClose, onDone }: BulkProps) {
  const t = imagesTexts.use();
  const refresh = useRefresh();
  const [type, setType] = useState<string | null>(null);
  const [category, setCategory] = useState<Category | null>(null);
  const asked = useMutation({
    mutationFn: () =>
      each(images, (image) =>
        api.PATCH('/v2/manage/namespaces/{namespace}/repos/{repository}', {
          ...params(image),
          body: { is_public: type === null ? image.is_public : type === 'public', ...(category === null ? {} : { category }) },
        }),
      ),
    onSettled: refresh,
    onSuccess: () => {
      notify.done(t.bulk.changed(images.length));
      onDone();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.bulk.changeTitle(images.length)}
      submit={t.bulk.apply}
      pending={asked.isPending}
      error={asked.error}
      blocked={type === null && category === null}
      onSubmit={(event) => {
        event.preventDefault();
        asked.mutate();
      }}
    >
      <Select
        label={t.edit.type}
        placeholder={t.bulk.keep}
        data={[
          { value: 'private', label: t.private },
          { value: 'public', label: t.public },
        ]}
        value={type}
        onChange={setType}
        clearable
        clearButtonProps={{ 'aria-label': t.bulk.keep }}
      />
      {type === 'public' && (
        <Text size="sm" c="dimmed">
          {t.bulk.publicNote}
        </Text>
      )}
      <Select
        label={t.edit.category}
        placeholder={t.bulk.keep}
        data={CATEGORIES.map((one) => ({ value: one, label: t.categories[one] }))}
        value={category}
        onChange={(next) => setCategory(next as Category | null)}
        clearable
        clearButtonProps={{ 'aria-label': t.bulk.keep }}
      />
    </FormDialog>
  );
}

/** Many images at once, with all their tags. */
export function BulkDeleteDialog({ images, onClose, onDone }: BulkProps) {
  const t = imagesTexts.use();
  const refresh = useRefresh();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.bulk.deleteTitle(images.length)}
      goes={images.map((image) => (
        <>
          <strong>{fullName(image)}</strong>, {t.delete.tags(String(image.num_images), image.num_images)}
        </>
      ))}
      stays={[t.delete.shared, t.delete.bin]}
      typed={t.bulk.word(images.length)}
      confirm={t.bulk.deleteTitle(images.length)}
      run={() =>
        each(images, (image) => api.DELETE('/v2/manage/namespaces/{namespace}/repos/{repository}', params(image))).finally(refresh)
      }
      onDone={() => {
        notify.done(t.bulk.deleted(images.length));
        onDone();
      }}
    />
  );
}
