import { Alert, Anchor, Select, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { api } from '../../api/client';
import { isImageName } from '../../app/names';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { descriptionError, type Says, SaysFields } from '../image/SaysFields';
import { may, type Category, useOrganizationNames } from './list';
import { imagesTexts } from './texts';

interface Wanted extends Says {
  org: string | null;
  name: string;
}

/** Makes an image before its first push. */
export function CreateImageDialog({ onClose, org }: { onClose: () => void; org?: string }) {
  const t = imagesTexts.use();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const organizations = useOrganizationNames();
  const writable = organizations.data?.filter((one) => may(one.right, 'write')).map((one) => one.name) ?? [];
  const form = useForm<Wanted>({
    initialValues: { org: org ?? null, name: '', isPublic: false, category: null, description: '' },
    validateInputOnChange: ['name'],
    validate: {
      org: (text) => (text === null && writable.length !== 1 ? t.new.required : null),
      name: (text) => {
        if (text === '') return t.new.required;
        if (text.length > 128) return t.new.nameLong;
        return isImageName(text) ? null : t.new.nameWrong;
      },
      description: (text) => descriptionError(text, t),
    },
  });
  const place = form.values.org ?? (writable.length === 1 ? (writable[0] ?? null) : null);
  const asked = useMutation({
    mutationFn: ({ name, isPublic, category, description }: Wanted) =>
      api.POST('/v2/manage/namespaces/{namespace}/repos', {
        params: { path: { namespace: place ?? '' } },
        body: { repository: name, is_public: isPublic, ...(category === null ? {} : { category: category as Category }), ...(description === '' ? {} : { description }) },
      }),
    onSuccess: (_, { name }) => {
      void queries.invalidateQueries({ queryKey: ['images'] });
      void queries.invalidateQueries({ queryKey: ['organizations'] });
      void queries.invalidateQueries({ queryKey: ['organization', place] });
      notify.done(t.new.created(`${place}/${name}`));
      void navigate({ to: '/images/$org/$image', params: { org: place ?? '', image: name } });
      onClose();
    },
  });
  const none = organizations.data !== undefined && writable.length === 0;
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.new.title}
      submit={t.new.submit}
      pending={asked.isPending}
      error={asked.error}
      onSubmit={form.onSubmit((wanted) => asked.mutate(wanted))}
      blocked={none}
      size="lg"
    >
      <Text size="sm" c="dimmed">
        {t.new.intro}
      </Text>
      {none && (
        <Alert color="yellow">
          {t.new.noOrganization}{' '}
          <Anchor renderRoot={(props) => <Link to="/organizations" search={{ create: true }} {...props} />}>{t.empty.steps.organization}</Anchor>
        </Alert>
      )}
      <Select
        label={t.new.organization}
        data={writable}
        searchable
        allowDeselect={false}
        withAsterisk
        {...form.getInputProps('org')}
        value={place}
        disabled={org !== undefined}
      />
      <TextInput
        label={t.new.name}
        description={t.new.nameHelp}
        placeholder={t.new.namePlaceholder}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        withAsterisk
        data-autofocus
        {...form.getInputProps('name')}
      />
      <SaysFields values={form.values} onChange={(next) => form.setValues(next)} error={form.errors.description} />
    </FormDialog>
  );
}
