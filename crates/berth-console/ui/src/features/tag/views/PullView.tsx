import { Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useState } from 'react';
import { useRegistryAddress } from '../../../app/registry';
import { CommandBox } from '../../../components/CommandBox';
import { Panel } from '../../../components/Panel';
import { LoginCommandButton } from '../../access/LoginCommandButton';
import { artifactCommands, CLIENTS, imageReference, podManifest, pullCommand, secretCommand } from '../pull';
import { tagPageTexts } from '../texts.page';
import type { ViewProps } from './view';

/** How every client gets an image. */
export function PullView({ place, path, detail, content }: ViewProps) {
  const t = tagPageTexts.use();
  const { host, secure } = useRegistryAddress();
  const [by, setBy] = useState<'tag' | 'digest'>('tag');
  const reference = imageReference(path, by === 'tag' ? place.tag : detail.digest);
  const artifact = content !== null && content.config == null;
  const commands = artifact ? artifactCommands(path, place.tag, reference, content.artifact_type ?? content.config_media_type ?? '', secure) : CLIENTS.map((client) => [client, pullCommand(client, reference, !secure)] as const);
  return (
    <>
      <Panel>
        <Group justify="space-between" gap="sm" mb="md">
          <div>
            <SegmentedControl
              aria-label={t.pull.by}
              value={by}
              onChange={(next) => setBy(next === 'digest' ? 'digest' : 'tag')}
              data={[
                { value: 'tag', label: t.pull.tag },
                { value: 'digest', label: t.pull.digest },
              ]}
            />
            <Text size="sm" c="dimmed" mt={6}>
              {by === 'tag' ? t.pull.tagHelp : t.pull.digestHelp}
            </Text>
          </div>
          <Group gap="sm">
            <Text size="sm" c="dimmed">
              {t.pull.login}
            </Text>
            <LoginCommandButton image={`${place.org}/${place.image}:${place.tag}`} />
          </Group>
        </Group>
        <Stack gap="sm">
          {commands.map(([client, command]) => (
            <div key={client}>
              <Text size="sm" fw={600} mb={4}>
                {client}
              </Text>
              <CommandBox command={command} what={command} />
            </div>
          ))}
        </Stack>
      </Panel>
      {!artifact && (
        <Panel title={t.pull.kubernetes}>
          <Title order={3} size="sm" mb={4}>
            {t.pull.secret}
          </Title>
          <CommandBox command={secretCommand(host)} what={t.pull.secret} />
          <Title order={3} size="sm" mb={4} mt="md">
            {t.pull.pod}
          </Title>
          <CommandBox command={podManifest(reference)} what={t.pull.pod} />
        </Panel>
      )}
    </>
  );
}
