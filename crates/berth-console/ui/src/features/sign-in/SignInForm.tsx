import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { type Credentials, type Session, useSignIn } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Problem } from '../../components/Problem';

/** Account, name and password, and what the server said to them. */
export function SignInForm({ onDone }: { onDone: (session: Session) => void }) {
  const t = frameTexts.use();
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
        {asked.error !== null && <Problem error={asked.error} />}
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
