import { Stack, Text } from '@mantine/core';
import type { RegistryAddress } from '../../../app/registry';
import { CommandBox } from '../../../components/CommandBox';
import { type Client, needsTrust, trust } from './clients';
import { loginTexts } from './texts';
import './login.css';

/** What a client has to be told of a registry without TLS, or with a certificate of an own authority. */
export function TrustHelp({ client, address }: { client: Client; address: RegistryAddress }) {
  const t = loginTexts.use();
  const plain = !address.secure;
  if (plain && !needsTrust(client, address)) return null;
  const ofContainerd = client === 'containerd' || client === 'nerdctl' || client === 'kubernetes';
  return (
    <details className="login-trust">
      <summary>{plain ? t.plainHttp : t.ownAuthority}</summary>
      <Stack gap="xs" mt="xs">
        <Text size="sm">{plain ? t.plainHttpHelp : t.ownAuthorityHelp}</Text>
        {trust(client, address).map((step) => {
          const label = step.file === undefined ? t.run : t.file(step.file);
          return (
            <div key={step.text}>
              <Text size="sm" fw={600} mb={4} style={{ overflowWrap: 'anywhere' }}>
                {label}
              </Text>
              <CommandBox command={step.text} what={label} />
            </div>
          );
        })}
        {ofContainerd && (
          <Text size="sm" c="dimmed">
            {t.containerdConfig}
          </Text>
        )}
      </Stack>
    </details>
  );
}
