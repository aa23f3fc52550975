import { Badge, Button, Group, Select, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../../api/client';
import { moment } from '../../../app/format';
import { type RegistryAddress, useRegistryAddress } from '../../../app/registry';
import { Problem } from '../../../components/Problem';
import type { Login } from './clients';
import { Steps } from './Steps';
import { loginTexts } from './texts';
import { clock, useNow } from './useNow';

const HOURS = [1, 6, 12, 24];

interface Passing {
  login: Login;
  expires: string;
}

/** A login that ends by itself. */
export function TemporaryLogin({ image }: { image?: string | undefined }) {
  const t = loginTexts.use();
  const address = useRegistryAddress();
  const [hours, setHours] = useState('24');
  const made = useMutation({ mutationFn: () => makeLogin(Number(hours) * 3600, address) });
  return (
    <Stack gap="md">
      <Group align="flex-end" gap="sm">
        <Select
          label={t.lasts}
          data={HOURS.map((count) => ({ value: String(count), label: t.hours(count) }))}
          value={hours}
          onChange={(next) => setHours(next ?? '24')}
          allowDeselect={false}
          w={160}
        />
        <Button variant={made.data === undefined ? 'filled' : 'default'} loading={made.isPending} onClick={() => made.mutate()}>
          {made.data === undefined ? t.make : t.again}
        </Button>
      </Group>
      {made.error !== null && <Problem error={made.error} />}
      {made.data !== undefined && (
        <>
          <Expiry expires={made.data.expires} />
          <Steps login={made.data.login} image={image} passing />
        </>
      )}
    </Stack>
  );
}

/** The login is in docker's own form: by host, `user:key` in base64. */
async function makeLogin(seconds: number, address: RegistryAddress): Promise<Passing> {
  const { data, response } = await api.POST('/v2/manage/utils/secret', { params: { query: { duration_seconds: seconds } } });
  const [host, auth] = Object.entries(data?.auths ?? {})[0] ?? [address.host, { auth: '' }];
  const text = atob(auth.auth);
  const colon = text.indexOf(':');
  return {
    login: { address: { ...address, host }, user: text.slice(0, colon), key: text.slice(colon + 1) },
    expires: response.headers.get('x-swr-expireat') ?? '',
  };
}

function Expiry({ expires }: { expires: string }) {
  const t = loginTexts.use();
  const now = useNow();
  const left = new Date(expires).getTime() - now;
  return (
    <div>
      <Group gap="xs">
        <Text size="sm">
          {t.until} <time dateTime={expires}>{moment(expires)}</time>
        </Text>
        <Badge color={left > 0 ? 'tide' : 'red'} variant="light" tt="none" className="tabular" role="timer">
          {left > 0 ? t.left(clock(left)) : t.over}
        </Badge>
      </Group>
      <Text size="sm" c="dimmed">
        {t.stays}
      </Text>
    </div>
  );
}
