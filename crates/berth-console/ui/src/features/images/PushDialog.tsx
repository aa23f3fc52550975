import { Alert, Modal, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useRegistryAddress } from '../../app/registry';
import { frameTexts } from '../../app/texts.frame';
import { CommandBox } from '../../components/CommandBox';
import { LoginCommandButton } from '../access/LoginCommandButton';
import { may, useOrganizationNames } from './list';
import { imagesTexts } from './texts';

/** How to push with a client, with commands to paste. */
export function PushDialog({ onClose, org, image }: { onClose: () => void; org?: string; image?: string }) {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const organizations = useOrganizationNames();
  const writable = organizations.data?.filter((one) => may(one.right, 'write')).map((one) => one.name) ?? [];
  const [chosen, setChosen] = useState<string | null>(org ?? null);
  const [name, setName] = useState(image ?? 'app');
  const [tag, setTag] = useState('v1');
  const { host } = useRegistryAddress();
  const place = `${host}/${chosen ?? writable[0] ?? '<organization>'}/${name}:${tag}`;
  const local = `${name.split('/').at(-1) ?? name}:${tag}`;
  return (
    <Modal opened onClose={onClose} title={t.push.title} size="lg" closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="md">
        <Text size="sm" c="dimmed">
          {t.push.intro}
        </Text>
        {organizations.data !== undefined && writable.length === 0 && image === undefined && <Alert color="yellow">{t.push.noOrganization}</Alert>}
        {image === undefined && (
          <SimpleGrid cols={{ base: 1, xs: 3 }}>
            <Select
              label={t.push.organization}
              data={writable}
              value={chosen ?? writable[0] ?? null}
              onChange={setChosen}
              searchable
              allowDeselect={false}
             
            />
            <TextInput label={t.push.image} value={name} onChange={(event) => setName(event.currentTarget.value)} />
            <TextInput label={t.push.tag} value={tag} onChange={(event) => setTag(event.currentTarget.value)} />
          </SimpleGrid>
        )}
        <section>
          <Text fw={600}>{t.push.login}</Text>
          <Text size="sm" mb={6}>
            {t.push.loginHelp}
          </Text>
          <LoginCommandButton size="xs" image={place.slice(host.length + 1)} />
        </section>
        <section>
          <Text fw={600} mb={4}>
            {t.push.tagStep}
          </Text>
          <CommandBox command={`docker tag ${local} ${place}`} what={t.push.command('docker tag')} />
        </section>
        <section>
          <Text fw={600} mb={4}>
            {t.push.pushStep}
          </Text>
          <CommandBox command={`docker push ${place}`} what={t.push.command('docker push')} />
        </section>
        <Text size="xs" c="dimmed">
          {t.push.limits} {t.push.history}
        </Text>
      </Stack>
    </Modal>
  );
}
