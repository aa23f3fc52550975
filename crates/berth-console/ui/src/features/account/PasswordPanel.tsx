import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { useSession, useSignIn } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { Problem } from '../../components/Problem';
import { isPassword } from '../access/PasswordField';
import { accountTexts } from './texts';

/** Changes one's own password. Everything made with the old one ends, this session too: it is opened anew at once. */
export function PasswordPanel() {
  const t = accountTexts.use();
  const session = useSession();
  const signIn = useSignIn();
  const [original, setOriginal] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const changed = useMutation({
    mutationFn: async () => {
      const path = { user_id: session.user_id };
      await data(api.POST('/v3/users/{user_id}/password', { params: { path }, body: { user: { original_password: original, password } } }));
      await signIn({ account: session.domain_name, user: session.user_name, password });
    },
    onSuccess: () => {
      setOriginal('');
      setPassword('');
      setAgain('');
      notify.done(t.changed);
    },
  });
  const problem = password !== '' && password === original ? t.same : password !== '' && !isPassword(password) ? t.newHelp : undefined;
  const ready = original !== '' && isPassword(password) && problem === undefined && again === password;
  return (
    <Panel title={t.password}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) changed.mutate();
        }}
        noValidate
      >
        {/* Password managers keep the new one under this name. */}
        <input type="text" autoComplete="username" value={session.user_name} readOnly hidden />
        <Stack gap="sm" maw={420}>
          {changed.error !== null && <Problem error={changed.error} />}
          <Text size="sm" c="dimmed">
            {t.passwordHelp}
          </Text>
          <Secret label={t.original} autoComplete="current-password" value={original} onChange={setOriginal} />
          <Secret label={t.new} description={t.newHelp} autoComplete="new-password" value={password} onChange={setPassword} error={problem} />
          <Secret
            label={t.repeat}
            autoComplete="new-password"
            value={again}
            onChange={setAgain}
            error={again !== '' && again !== password ? t.different : undefined}
          />
          <Group>
            <Button type="submit" disabled={!ready} loading={changed.isPending}>
              {t.change}
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}

function Secret({
  onChange,
  ...props
}: {
  label: string;
  value: string;
  autoComplete: string;
  onChange: (text: string) => void;
  description?: string;
  error?: string | undefined;
}) {
  const frame = frameTexts.use();
  return (
    <PasswordInput {...props} onChange={(event) => onChange(event.currentTarget.value)} visibilityToggleButtonProps={{ 'aria-label': frame.show }} />
  );
}
