import { Alert, Button, Group, Stack, Switch, Tabs, Text } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { Eye, EyeOff, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { CommandBox } from '../../../components/CommandBox';
import { type Client, CLIENTS, type Login, type Step, steps } from './clients';
import { loginTexts } from './texts';
import { TrustHelp } from './TrustHelp';

const MASKED = '••••••••••••';

/** The commands of a login for each client, the key hidden until somebody wants to see it. */
export function Steps({ login, image, passing }: { login: Login; image?: string | undefined; /** Whether it ends by itself. */ passing: boolean }) {
  const t = loginTexts.use();
  const [client, setClient] = useState<Client>('docker');
  const [stdin, setStdin] = useState(false);
  const [shown, setShown] = useState(false);
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <Switch
          label={t.stdin}
          description={t.stdinHelp}
          checked={stdin}
          onChange={(event) => setStdin(event.currentTarget.checked)}
          disabled={client === 'containerd' || client === 'kubernetes'}
        />
        <Button
          variant="default"
          size="xs"
          leftSection={shown ? <EyeOff size={14} aria-hidden /> : <Eye size={14} aria-hidden />}
          onClick={() => setShown(!shown)}
          aria-pressed={shown}
        >
          {shown ? t.hideKey : t.showKey}
        </Button>
      </Group>
      <Tabs value={client} onChange={(next) => setClient(CLIENTS.find((one) => one === next) ?? 'docker')} keepMounted={false}>
        <div className="scroll-x">
          <Tabs.List aria-label={t.clients} style={{ flexWrap: 'nowrap', minWidth: 'max-content' }}>
            {CLIENTS.map((one) => (
              <Tabs.Tab key={one} value={one} style={{ whiteSpace: 'nowrap' }}>
                {t.client[one]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </div>
        {CLIENTS.map((one) => (
          <Tabs.Panel key={one} value={one} pt="md">
            <OfClient client={one} login={login} image={image} passing={passing} stdin={stdin} shown={shown} />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}

function OfClient({
  client,
  login,
  image,
  passing,
  stdin,
  shown,
}: {
  client: Client;
  login: Login;
  image: string | undefined;
  passing: boolean;
  stdin: boolean;
  shown: boolean;
}) {
  const t = loginTexts.use();
  const wanted = { image: image ?? t.placeholder, stdin };
  const real = steps(client, { ...wanted, login });
  const masked = steps(client, { ...wanted, login: { ...login, key: MASKED } });
  const visible = shown ? real : masked;
  return (
    <Stack gap="sm">
      {passing && client === 'kubernetes' && (
        <Alert color="yellow" variant="light" icon={<TriangleAlert size={18} aria-hidden />}>
          {t.endsInCluster}
        </Alert>
      )}
      <TrustHelp key={client} client={client} address={login.address} />
      {real.map((step, index) => (
        <OneStep key={step.purpose} step={step} shown={visible[index]?.text ?? ''} />
      ))}
      <div>
        <Text size="sm" mb={4}>
          {t.history}
        </Text>
        <CommandBox command="history -c" what="history -c" />
      </div>
    </Stack>
  );
}

function OneStep({ step, shown }: { step: Step; shown: string }) {
  const t = loginTexts.use();
  const label = t.purpose[step.purpose];
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {label}
      </Text>
      <CommandBox command={step.text} shown={shown} what={label} />
    </div>
  );
}
