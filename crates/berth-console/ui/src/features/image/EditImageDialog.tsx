import { Modal, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import { PageError } from '../../components/PageError';
import * as notify from '../../components/notify';
import { type Category, CATEGORIES } from '../images/list';
import { imagesTexts } from '../images/texts';
import { descriptionError, type Says, SaysFields } from './SaysFields';

interface EditProps {
  org: string;
  /** The name within the organization. */
  image: string;
  onClose: () => void;
}

/** Changes what an image says of itself: type, category and description. */
export function EditImageDialog({ org, image, onClose }: EditProps) {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const path = { namespace: org, repository: inPath(image) };
  const query = useQuery({
    queryKey: ['image', org, image, 'says'],
    queryFn: () => data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}', { params: { path } })),
    placeholderData: undefined,
    // What is typed is not to be overwritten by what is read.
    staleTime: 0,
    refetchOnWindowFocus: false,
  });
  if (query.error !== null) {
    return (
      <Modal opened onClose={onClose} title={t.edit.title} closeButtonProps={{ 'aria-label': frame.close }}>
        <PageError error={query.error} reset={() => void query.refetch()} />
      </Modal>
    );
  }
  if (query.data === undefined || query.isFetching) return null;
  return <Form repo={query.data} org={org} image={image} onClose={onClose} />;
}

function Form({ repo, org, image, onClose }: EditProps & { repo: components['schemas']['Repo'] }) {
  const t = imagesTexts.use();
  const queries = useQueryClient();
  const form = useForm<Says>({
    initialValues: {
      isPublic: repo.is_public,
      category: CATEGORIES.find((category) => category === repo.category) ?? null,
      description: repo.description,
    },
    validate: { description: (text) => descriptionError(text, t) },
  });
  const asked = useMutation({
    mutationFn: ({ isPublic, category, description }: Says) =>
      api.PATCH('/v2/manage/namespaces/{namespace}/repos/{repository}', {
        params: { path: { namespace: org, repository: inPath(image) } },
        body: { is_public: isPublic, description, ...(category === null ? {} : { category: category as Category }) },
      }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['images'] });
      void queries.invalidateQueries({ queryKey: ['image', org, image] });
      notify.done(t.edit.saved(`${org}/${image}`));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.edit.title}
      submit={t.edit.save}
      pending={asked.isPending}
      error={asked.error}
      onSubmit={form.onSubmit((says) => asked.mutate(says))}
      size="lg"
    >
      <TextInput label={t.edit.name} value={`${org}/${image}`} readOnly variant="filled" />
      <SaysFields values={form.values} onChange={(next) => form.setValues(next)} error={form.errors.description} />
    </FormDialog>
  );
}
