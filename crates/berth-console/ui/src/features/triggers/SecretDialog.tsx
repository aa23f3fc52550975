import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { frameTexts } from '../../app/texts.frame';
import { CommandBox } from '../../components/CommandBox';
import { triggerTexts } from './texts';

/** The secret that the server made, shown this once. */
export function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }) {
  const t = triggerTexts.use().secretDialog;
  const frame = frameTexts.use();
  return (
    <Modal opened onClose={onClose} title={t.title} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="sm">
        <Text size="sm">{t.help}</Text>
        <CommandBox command={secret} what={t.what} />
        <Group justify="flex-end">
          <Button onClick={onClose} data-autofocus>
            {t.stored}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
