import { Anchor, Modal, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { frameTexts } from '../../app/texts.frame';
import { CommandBox } from '../../components/CommandBox';
import { uploadTexts } from './texts';

/** How images come here with a container engine. */
export function ClientDialog({ onClose, organization = 'ORGANIZATION' }: { onClose: () => void; organization?: string }) {
  const t = uploadTexts.use();
  const frame = frameTexts.use();
  const host = location.host;
  const name = `${host}/${organization}/IMAGE:TAG`;
  const step = (title: string, command: string) => (
    <div>
      <Text size="sm" mb={4}>
        {title}
      </Text>
      <CommandBox command={command} what={t.client.what} />
    </div>
  );
  return (
    <Modal opened onClose={onClose} title={t.client.title} size="lg" closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="md">
        <Text size="sm" c="dimmed">
          {t.client.intro}
        </Text>
        <Text size="sm">
          {t.client.login}{' '}
          <Anchor component={Link} to="/access/logins" size="sm" underline="always" onClick={onClose}>
            {t.client.logins}
          </Anchor>
        </Text>
        {step(t.client.tag, `docker tag IMAGE:TAG ${name}`)}
        {step(t.client.push, `docker push ${name}`)}
        {step(t.client.file, `docker save -o image.tar IMAGE:TAG\nberth upload image.tar --organization ${organization}`)}
      </Stack>
    </Modal>
  );
}
