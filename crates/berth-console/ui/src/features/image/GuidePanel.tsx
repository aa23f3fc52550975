import { SegmentedControl, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useState } from 'react';
import { isTagName } from '../../app/names';
import { useRegistryAddress } from '../../app/registry';
import { CommandBox } from '../../components/CommandBox';
import { Panel } from '../../components/Panel';
import { LoginCommandButton } from '../access/LoginCommandButton';
import { GUIDE_CLIENTS, type Sample, samples } from './guide';
import { allows, type ImagePanelProps } from './panel';
import { guideTexts } from './texts.guide';
import { useImage } from './useImage';

/** How an image is pushed and pulled, with every client. */
export function GuidePanel({ org, image, right }: ImagePanelProps) {
  const t = guideTexts.use();
  const about = useImage(org, image).image;
  const address = useRegistryAddress();
  const [client, setClient] = useState<string>('docker');
  const [typed, setTyped] = useState('');
  const valid = typed === '' || isTagName(typed);
  const tag = typed !== '' && valid ? typed : '{Tag}';
  const chosen = GUIDE_CLIENTS.find((one) => one === client) ?? 'docker';
  const { push, pull } = samples(chosen, address, about.path, tag);
  const note = chosen === 'containerd' ? <Text size="sm" c="dimmed">{t.loginNote}</Text> : null;
  return (
    <Stack gap="md">
      <Panel title={t.login.title} actions={<LoginCommandButton image={`${org}/${image}:${tag}`} />}>
        <Text size="sm" c="dimmed">
          {t.login.help}
        </Text>
      </Panel>
      <Panel>
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md">
          <div>
            <Text size="sm" fw={500} mb={4}>
              {t.client}
            </Text>
            <div className="scroll-x">
              <SegmentedControl aria-label={t.client} value={chosen} onChange={setClient} data={GUIDE_CLIENTS.map((one) => ({ value: one, label: t.clients[one] }))} />
            </div>
          </div>
          <TextInput
            label={t.tag}
            description={t.tagHelp}
            placeholder="{Tag}"
            autoComplete="off"
            autoCapitalize="none"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            error={valid ? undefined : t.invalid}
          />
        </SimpleGrid>
      </Panel>
      {allows(right, 'write') ? (
        <Panel title={t.push.title}>
          <Samples help={t.push.help} samples={push} />
          {note}
        </Panel>
      ) : (
        <Panel title={t.push.title}>
          <Text size="sm" c="dimmed">
            {t.readOnly}
          </Text>
        </Panel>
      )}
      <Panel title={t.pull.title}>
        <Samples help={about.is_public ? t.pull.open : t.pull.help} samples={pull} />
        {note}
      </Panel>
    </Stack>
  );
}

function Samples({ help, samples }: { help: string; samples: Sample[] }) {
  const t = guideTexts.use();
  return (
    <Stack gap="sm" mb="xs">
      <Text size="sm" c="dimmed">
        {help}
      </Text>
      {samples.map(({ purpose, text }) => (
        <div key={purpose}>
          <Text size="sm" fw={600} mb={4}>
            {t[purpose]}
          </Text>
          <CommandBox command={text} what={t[purpose]} />
        </div>
      ))}
    </Stack>
  );
}
