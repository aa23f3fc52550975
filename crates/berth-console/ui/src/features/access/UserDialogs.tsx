import { Radio, Stack, Switch, TextInput } from '@mantine/core';
import '@mantine/core/styles/Radio.layer.css';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { isPassword, PasswordField } from './PasswordField';
import { accessTexts } from './texts';
import { ACCESS_MODES, type AccessMode, DESCRIPTION_MAX, isPersonName, type User } from './users';

/** What a form about a user holds. */
interface Fields {
  name: string;
  description: string;
  access: AccessMode;
  enabled: boolean;
}

/** Makes a user. */
export function CreateUserDialog({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const t = accessTexts.use().users;
  const frame = frameTexts.use();
  const session = useSession();
  const queries = useQueryClient();
  const [fields, setFields] = useState<Fields>({ name: '', description: '', access: 'default', enabled: true });
  const [password, setPassword] = useState('');
  const made = useMutation({
    mutationFn: () =>
      data(
        api.POST('/v3.0/OS-USER/users', {
          body: {
            user: {
              name: fields.name,
              domain_id: session.domain_id,
              description: fields.description,
              access_mode: fields.access,
              enabled: fields.enabled,
              ...(password === '' ? {} : { password }),
            },
          },
        }),
      ),
    onSuccess: async ({ user }) => {
      await queries.invalidateQueries({ queryKey: ['users'] });
      notify.done(t.made(user.name));
      onMade(user.id);
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.create}
      submit={frame.create}
      size="lg"
      pending={made.isPending}
      error={made.error}
      blocked={!isPersonName(fields.name) || (password !== '' && !isPassword(password))}
      onSubmit={(event) => {
        event.preventDefault();
        made.mutate();
      }}
    >
      <UserFields fields={fields} onChange={setFields} />
      <PasswordField label={t.password} description={`${t.passwordRule}. ${t.noPassword}`} value={password} onChange={setPassword} />
    </FormDialog>
  );
}

/** Changes a user. */
export function EditUserDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const t = accessTexts.use().users;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [fields, setFields] = useState<Fields>({
    name: user.name,
    description: user.description,
    access: user.access_mode,
    enabled: user.enabled,
  });
  const changed = useMutation({
    mutationFn: () =>
      data(
        api.PUT('/v3.0/OS-USER/users/{user_id}', {
          params: { path: { user_id: user.id } },
          body: { user: { name: fields.name, description: fields.description, access_mode: fields.access, enabled: fields.enabled } },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['users'] });
      notify.done(t.changed);
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.edit}
      submit={frame.save}
      size="lg"
      pending={changed.isPending}
      error={changed.error}
      blocked={!isPersonName(fields.name)}
      onSubmit={(event) => {
        event.preventDefault();
        changed.mutate();
      }}
    >
      <UserFields fields={fields} onChange={setFields} />
    </FormDialog>
  );
}

function UserFields({ fields, onChange }: { fields: Fields; onChange: (fields: Fields) => void }) {
  const t = accessTexts.use().users;
  const set = (part: Partial<Fields>) => onChange({ ...fields, ...part });
  return (
    <>
      <TextInput
        label={t.name}
        description={t.nameRule}
        required
        autoComplete="off"
        autoCapitalize="none"
        data-autofocus
        value={fields.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        error={fields.name !== '' && !isPersonName(fields.name)}
      />
      <TextInput
        label={t.description}
        maxLength={DESCRIPTION_MAX}
        value={fields.description}
        onChange={(event) => set({ description: event.currentTarget.value })}
      />
      <Radio.Group
        label={t.accessType}
        value={fields.access}
        onChange={(next) => set({ access: ACCESS_MODES.find((mode) => mode === next) ?? 'default' })}
      >
        <Stack gap="xs" mt={6}>
          {ACCESS_MODES.map((mode) => (
            <Radio key={mode} value={mode} label={t.access[mode]} description={t.accessHelp[mode]} />
          ))}
        </Stack>
      </Radio.Group>
      <Switch
        label={t.enabled}
        description={t.enabledHelp}
        checked={fields.enabled}
        onChange={(event) => set({ enabled: event.currentTarget.checked })}
      />
    </>
  );
}

/** Gives a user a new password. */
export function ResetPasswordDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const t = accessTexts.use().users;
  const [password, setPassword] = useState('');
  const changed = useMutation({
    mutationFn: () =>
      data(api.PUT('/v3.0/OS-USER/users/{user_id}', { params: { path: { user_id: user.id } }, body: { user: { password } } })),
    onSuccess: () => {
      notify.done(t.resetDone(user.name));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.resetPassword}
      submit={t.resetPassword}
      pending={changed.isPending}
      error={changed.error}
      blocked={!isPassword(password)}
      onSubmit={(event) => {
        event.preventDefault();
        changed.mutate();
      }}
    >
      <span>{t.resetHelp(user.name)}</span>
      <PasswordField label={t.newPassword} description={t.passwordRule} value={password} onChange={setPassword} autoFocus />
    </FormDialog>
  );
}
