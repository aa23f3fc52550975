import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { type KeyboardEvent, useState } from 'react';
import { ApiError } from '../../api/errors';
import { type Credentials, type Session, useSignIn } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Problem } from '../../components/Problem';
import { signInTexts } from './texts';

/** Account, name and password, and what the server said to them. */
export function SignInForm({ onDone }: { onDone: (session: Session) => void }) {
  const t = frameTexts.use();
  const words = signInTexts.use();
  const [capsLock, setCapsLock] = useState(false);
  const watch = (event: KeyboardEvent) => setCapsLock(event.getModifierState('CapsLock'));
  const signIn = useSignIn();
  const required = (text: string) => (text === '' ? t.signIn.required : null);
  const form = useForm<Credentials>({
    mode: 'uncontrolled',
    initialValues: { account: '', user: '', password: '' },
    validate: { user: required, password: required },
  });
  const asked = useMutation({ mutationFn: signIn, onSuccess: onDone });
  return (
    <form onSubmit={form.onSubmit((credentials) => asked.mutate(credentials))} noValidate>
      <Stack gap="sm">
        {asked.error !== null && <Problem error={refusal(asked.error, words.locked, words.programmatic)} />}
        <TextInput
          label={t.signIn.account}
          description={t.signIn.accountHelp}
          autoComplete="organization"
          autoCapitalize="none"
          key={form.key('account')}
          {...form.getInputProps('account')}
        />
        <TextInput
          label={t.signIn.user}
          autoComplete="username"
          autoCapitalize="none"
          autoFocus
          data-autofocus
          key={form.key('user')}
          {...form.getInputProps('user')}
        />
        <PasswordInput
          label={t.signIn.password}
          autoComplete="current-password"
          description={capsLock ? words.capsLock : undefined}
          onKeyDown={watch}
          onKeyUp={watch}
          visibilityToggleButtonProps={{ 'aria-label': t.show }}
          key={form.key('password')}
          {...form.getInputProps('password')}
        />
        <Button type="submit" loading={asked.isPending} mt="xs">
          {t.signIn.submit}
        </Button>
      </Stack>
    </form>
  );
}

/** What a refusal means here: the codes are those of any request, and say less. */
function refusal(error: Error, locked: string, programmatic: string): Error {
  if (!(error instanceof ApiError)) return error;
  const meaning = error.status === 403 ? programmatic : error.status === 401 && error.retryAfter !== undefined ? locked : undefined;
  return meaning === undefined ? error : new ApiError(error.status, '', meaning, error.requestId, { retryAfter: error.retryAfter });
}
