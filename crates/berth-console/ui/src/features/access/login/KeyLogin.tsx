import { Alert, Anchor, Button, Group, PasswordInput, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { type RegistryAddress, useRegistryAddress } from '../../../app/registry';
import { useSession } from '../../../app/session';
import { frameTexts } from '../../../app/texts.frame';
import { Ask } from '../../../components/Ask';
import { Problem } from '../../../components/Problem';
import { createKey, keysQuery, type NewKey } from '../keys';
import { SecretOnce } from '../SecretOnce';
import type { Login } from './clients';
import { loginKey } from './loginKey';
import { Steps } from './Steps';
import { loginTexts } from './texts';

/** A login that is good as long as an access key is. */
export function KeyLogin({ image }: { image?: string | undefined }) {
  const t = loginTexts.use();
  const [source, setSource] = useState<'new' | 'own'>('new');
  return (
    <Stack gap="md">
      <SegmentedControl
        aria-label={t.source}
        value={source}
        onChange={(next) => setSource(next === 'own' ? 'own' : 'new')}
        data={[
          { value: 'new', label: t.newKey },
          { value: 'own', label: t.ownKey },
        ]}
        style={{ alignSelf: 'flex-start' }}
      />
      {source === 'new' ? <FromNewKey image={image} /> : <FromOwnKey image={image} />}
    </Stack>
  );
}

async function loginOf(project: string, accessKey: string, secret: string, address: RegistryAddress): Promise<Login> {
  return { address, user: `${project}@${accessKey}`, key: await loginKey(accessKey, secret) };
}

interface Made {
  key: NewKey;
  login: Login;
}

function FromNewKey({ image }: { image: string | undefined }) {
  const t = loginTexts.use();
  const session = useSession();
  const queries = useQueryClient();
  const address = useRegistryAddress();
  const [description, setDescription] = useState('');
  const made = useMutation({
    mutationFn: async (): Promise<Made> => {
      const key = await createKey(session.user_id, description);
      return { key, login: await loginOf(session.project_name, key.access, key.secret, address) };
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['keys'] }),
  });
  if (made.data !== undefined) {
    return (
      <Stack gap="md">
        <SecretOnce made={made.data.key} user={session.user_name} />
        <Steps login={made.data.login} image={image} passing={false} />
      </Stack>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        made.mutate();
      }}
    >
      <Stack gap="sm" maw={460}>
        {made.error !== null && <Problem error={made.error} />}
        <Text size="sm">{t.newKeyHelp}</Text>
        <TextInput
          label={t.description}
          placeholder={t.descriptionHint}
          maxLength={255}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <Group>
          <Button type="submit" loading={made.isPending} leftSection={<KeyRound size={15} aria-hidden />}>
            {t.makeKey}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function FromOwnKey({ image }: { image: string | undefined }) {
  const frame = frameTexts.use();
  const t = loginTexts.use();
  const session = useSession();
  const address = useRegistryAddress();
  const keys = useQuery(keysQuery(session.user_id));
  const [chosen, setChosen] = useState<string | null>(null);
  const [secret, setSecret] = useState('');
  const made = useMutation({ mutationFn: (key: string) => loginOf(session.project_name, key, secret, address) });
  return (
    <Ask query={keys} rows={2}>
      {(all) => {
        const enabled = all.filter((key) => key.status === 'active');
        const key = chosen ?? enabled[0]?.access;
        if (key === undefined) return <NoKeys />;
        return (
          <Stack gap="md">
            <form
              onSubmit={(event) => {
                event.preventDefault();
                made.mutate(key);
              }}
            >
              <Stack gap="sm" maw={460}>
                <Select
                  label={t.accessKey}
                  data={enabled.map((one) => ({
                    value: one.access,
                    label: one.description === '' ? one.access : `${one.access} · ${one.description}`,
                  }))}
                  value={key}
                  onChange={setChosen}
                  allowDeselect={false}
                />
                <PasswordInput
                  label={t.secretKey}
                  description={t.secretHelp}
                  autoComplete="off"
                  value={secret}
                  onChange={(event) => setSecret(event.currentTarget.value)}
                  visibilityToggleButtonProps={{ 'aria-label': frame.show }}
                  error={secret !== '' && secret.length < 8 ? t.tooShort : undefined}
                />
                <Group>
                  <Button type="submit" disabled={secret.length < 8} loading={made.isPending}>
                    {t.make}
                  </Button>
                  <Anchor component={Link} to="/access/keys" size="sm">
                    {t.keys}
                  </Anchor>
                </Group>
              </Stack>
            </form>
            {made.data !== undefined && <Steps login={made.data} image={image} passing={false} />}
          </Stack>
        );
      }}
    </Ask>
  );
}

function NoKeys() {
  const t = loginTexts.use();
  return (
    <Alert variant="light" color="tide" icon={<KeyRound size={18} aria-hidden />}>
      {t.noKeys}
    </Alert>
  );
}
