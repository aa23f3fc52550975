import { TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { accessTexts } from './texts';
import { DESCRIPTION_MAX, type Group, isPersonName } from './users';

interface Fields {
  name: string;
  description: string;
}

/** Makes a group. */
export function CreateGroupDialog({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const t = accessTexts.use().groups;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [fields, setFields] = useState<Fields>({ name: '', description: '' });
  const made = useMutation({
    mutationFn: () => data(api.POST('/v3/groups', { body: { group: fields } })),
    onSuccess: async ({ group }) => {
      await queries.invalidateQueries({ queryKey: ['groups'] });
      notify.done(t.made(group.name));
      onMade(group.id);
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.create}
      submit={frame.create}
      pending={made.isPending}
      error={made.error}
      blocked={!isPersonName(fields.name)}
      onSubmit={(event) => {
        event.preventDefault();
        made.mutate();
      }}
    >
      <GroupFields fields={fields} onChange={setFields} />
    </FormDialog>
  );
}

/** Changes a group. */
export function EditGroupDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const t = accessTexts.use();
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [fields, setFields] = useState<Fields>({ name: group.name, description: group.description });
  const changed = useMutation({
    mutationFn: () =>
      data(api.PATCH('/v3/groups/{group_id}', { params: { path: { group_id: group.id } }, body: { group: fields } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['groups'] });
      notify.done(t.users.changed);
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.groups.edit}
      submit={frame.save}
      pending={changed.isPending}
      error={changed.error}
      blocked={!isPersonName(fields.name)}
      onSubmit={(event) => {
        event.preventDefault();
        changed.mutate();
      }}
    >
      <GroupFields fields={fields} onChange={setFields} />
    </FormDialog>
  );
}

function GroupFields({ fields, onChange }: { fields: Fields; onChange: (fields: Fields) => void }) {
  const t = accessTexts.use();
  return (
    <>
      <TextInput
        label={t.groups.name}
        description={t.users.nameRule}
        required
        autoComplete="off"
        data-autofocus
        value={fields.name}
        onChange={(event) => onChange({ ...fields, name: event.currentTarget.value })}
        error={fields.name !== '' && !isPersonName(fields.name)}
      />
      <TextInput
        label={t.groups.description}
        maxLength={DESCRIPTION_MAX}
        value={fields.description}
        onChange={(event) => onChange({ ...fields, description: event.currentTarget.value })}
      />
    </>
  );
}
