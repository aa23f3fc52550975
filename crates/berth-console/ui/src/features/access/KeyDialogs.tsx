import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { changeKey, createKey, type Key } from './keys';
import { SecretOnce } from './SecretOnce';
import { accessTexts } from './texts';
import { DESCRIPTION_MAX } from './users';

/** Makes a key, then shows its secret until its owner says that it is kept. */
export function CreateKeyDialog({ user, name, onClose }: { user: string; name: string; onClose: () => void }) {
  const t = accessTexts.use().keys;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [description, setDescription] = useState('');
  const made = useMutation({
    mutationFn: () => createKey(user, description),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['keys'] }),
  });
  if (made.data !== undefined) {
    // A click beside the dialog must not lose the secret.
    return (
      <Modal opened onClose={onClose} title={t.made} size="lg" closeOnClickOutside={false} closeOnEscape={false} withCloseButton={false}>
        <Stack gap="md">
          <SecretOnce made={made.data} user={name} />
          <Group justify="flex-end">
            <Button onClick={onClose}>{t.saved}</Button>
          </Group>
        </Stack>
      </Modal>
    );
  }
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.create}
      submit={frame.create}
      pending={made.isPending}
      error={made.error}
      onSubmit={(event) => {
        event.preventDefault();
        made.mutate();
      }}
    >
      <Description value={description} onChange={setDescription} />
    </FormDialog>
  );
}

/** Says what a key is for. */
export function DescribeKeyDialog({ known, onClose }: { known: Key; onClose: () => void }) {
  const t = accessTexts.use().keys;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [description, setDescription] = useState(known.description);
  const changed = useMutation({
    mutationFn: () => changeKey(known.access, { description }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['keys'] });
      notify.done(t.described);
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.describe}
      submit={frame.save}
      pending={changed.isPending}
      error={changed.error}
      onSubmit={(event) => {
        event.preventDefault();
        changed.mutate();
      }}
    >
      <Description value={description} onChange={setDescription} />
    </FormDialog>
  );
}

function Description({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const t = accessTexts.use().keys;
  return (
    <TextInput
      label={t.description}
      placeholder={t.descriptionHint}
      maxLength={DESCRIPTION_MAX}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      data-autofocus
    />
  );
}
