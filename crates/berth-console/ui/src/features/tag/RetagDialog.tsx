import { Checkbox, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { isTagName } from '../../app/names';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { retag, useTagsChanged } from './tags';
import { tagTexts } from './texts';

/** Gives the image of a tag another tag. */
export function RetagDialog({ org, image, tag, onClose }: { org: string; image: string; tag: string; onClose: () => void }) {
  const t = tagTexts.use();
  const changed = useTagsChanged(org, image);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { name: '', override: false },
    validate: { name: (name) => (isTagName(name) ? null : t.retag.invalid) },
  });
  const asked = useMutation({
    mutationFn: ({ name, override }: { name: string; override: boolean }) => retag(org, image, tag, name, override),
    onSuccess: (_, { name }) => {
      changed();
      notify.done(t.retag.done(name));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.retag.title(tag)}
      submit={t.retag.submit}
      pending={asked.isPending}
      error={asked.error}
      onSubmit={form.onSubmit((values) => asked.mutate(values))}
    >
      <Text size="sm" c="dimmed">
        {t.retag.help}
      </Text>
      <TextInput label={t.retag.name} autoComplete="off" autoCapitalize="none" data-autofocus key={form.key('name')} {...form.getInputProps('name')} />
      <Checkbox label={t.retag.override} key={form.key('override')} {...form.getInputProps('override', { type: 'checkbox' })} />
    </FormDialog>
  );
}
