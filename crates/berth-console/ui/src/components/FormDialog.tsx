import { Button, Group, Modal, type ModalProps, Stack } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { frameTexts } from '../app/texts.frame';
import { Problem } from './Problem';

/** A form over the page: its fields, what the server said, and the two buttons. */
export function FormDialog({
  opened,
  onClose,
  title,
  submit,
  pending,
  error,
  onSubmit,
  children,
  size,
  blocked = false,
}: {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** The word on the button. */
  submit: string;
  pending: boolean;
  error: Error | null;
  onSubmit: (event: FormEvent<HTMLFormElement>) => void;
  children: ReactNode;
  size?: ModalProps['size'];
  /** Whether the form cannot be sent yet. */
  blocked?: boolean;
}) {
  const t = frameTexts.use();
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={size} closeButtonProps={{ 'aria-label': t.close }}>
      <form onSubmit={onSubmit} noValidate>
        <Stack gap="sm">
          {error !== null && <Problem error={error} />}
          {children}
          <Group justify="flex-end" gap="xs" mt="xs">
            <Button variant="default" onClick={onClose}>
              {t.cancel}
            </Button>
            <Button type="submit" loading={pending} disabled={blocked}>
              {submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
