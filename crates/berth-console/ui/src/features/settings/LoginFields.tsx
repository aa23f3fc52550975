import { Checkbox, Group, PasswordInput, TextInput } from '@mantine/core';
import { frameTexts } from '../../app/texts.frame';
import { settingsTexts } from './texts';

/** A login at another registry. */
export interface Login {
  user: string;
  password: string;
  /** Whether the one that is kept is forgotten. */
  clear: boolean;
}

/** No login. */
export const NO_LOGIN: Login = { user: '', password: '', clear: false };

/** What the API is told: nothing leaves what is kept, both empty forgets it. */
export function loginOf({ user, password, clear }: Login): { username?: string; password?: string } {
  if (clear) return { username: '', password: '' };
  return user === '' && password === '' ? {} : { username: user, password };
}

/** User name and password. `kept`: of something registered, whose login may stay as it is. */
export function LoginFields({ login, onChange, kept }: { login: Login; onChange: (login: Login) => void; kept: boolean }) {
  const t = settingsTexts.use().login;
  const frame = frameTexts.use();
  const help = kept ? t.keep : undefined;
  return (
    <>
      <Group grow align="flex-start">
        <TextInput label={t.user} description={help} value={login.user} disabled={login.clear} autoComplete="off" autoCapitalize="none" onChange={(event) => onChange({ ...login, user: event.currentTarget.value })} />
        <PasswordInput
          label={t.password}
          description={help}
          value={login.password}
          disabled={login.clear}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': frame.show }}
          onChange={(event) => onChange({ ...login, password: event.currentTarget.value })}
        />
      </Group>
      {kept && <Checkbox label={t.clear} checked={login.clear} onChange={(event) => onChange({ ...login, clear: event.currentTarget.checked })} />}
    </>
  );
}
