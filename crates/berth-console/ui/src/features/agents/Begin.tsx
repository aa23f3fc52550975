import { Stack, Text } from '@mantine/core';
import { useRegistryAddress } from '../../app/registry';
import { useSession } from '../../app/session';
import { CommandBox } from '../../components/CommandBox';
import { agentTexts } from './texts';

/** How a node comes to have an agent, and its clients to ask it. */
export function Begin() {
  const t = agentTexts.use().begin;
  const { host, secure } = useRegistryAddress();
  const session = useSession();
  const registry = `${secure ? 'https' : 'http'}://${host}`;
  const run = `berth agent run --registry ${registry} --peer-listen <address>:7001 --cache /var/lib/berth-agent --token-file /etc/berth-agent/login --label zone=a`;
  return (
    <Stack gap="xs" ta="start">
      <Text size="sm">{t.run}</Text>
      <CommandBox command={run} what={t.runWhat} />
      <Text size="sm">{t.login}</Text>
      <CommandBox command={`${session.domain_name}/<user>:<password>`} what={t.loginWhat} />
      <Text size="sm">{t.configure}</Text>
      <CommandBox command={`berth agent configure containerd --host ${host} --host docker.io --write`} what={t.configureWhat} />
      <Text size="sm" c="dimmed">
        {t.more} <code>berth agent run --help</code>
      </Text>
    </Stack>
  );
}
