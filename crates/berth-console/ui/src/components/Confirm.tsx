import { Button, Group, List, Modal, Stack, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/List.layer.css';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { frameTexts } from '../app/texts.frame';
import { Problem } from './Problem';

/** A question before something goes: what goes, what stays, and for big things their name to type. */
export function Confirm({
  opened,
  onClose,
  title,
  goes,
  stays,
  typed,
  confirm,
  run,
  onDone,
  children,
}: {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What is deleted, each by name. */
  goes: ReactNode[];
  /** What one might fear for. */
  stays?: ReactNode[];
  /** A name that has to be typed first. */
  typed?: string;
  /** The word on the button. */
  confirm: string;
  run: () => Promise<unknown>;
  onDone?: () => void;
  children?: ReactNode;
}) {
  const t = frameTexts.use();
  const [text, setText] = useState('');
  const asked = useMutation({
    mutationFn: run,
    onSuccess: () => {
      close();
      onDone?.();
    },
  });
  const close = () => {
    setText('');
    asked.reset();
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={title} closeButtonProps={{ 'aria-label': t.close }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          asked.mutate();
        }}
      >
        <Stack gap="sm">
          {asked.error !== null && <Problem error={asked.error} />}
          {children}
          <Named label={t.goes} items={goes} />
          {stays !== undefined && <Named label={t.stays} items={stays} />}
          {typed !== undefined && (
            <TextInput label={t.typeName(typed)} value={text} onChange={(event) => setText(event.currentTarget.value)} autoComplete="off" data-autofocus />
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              {t.cancel}
            </Button>
            <Button type="submit" color="red" loading={asked.isPending} disabled={typed !== undefined && text !== typed}>
              {confirm}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Named({ label, items }: { label: string; items: ReactNode[] }) {
  if (items.length === 0) return null;
  return (
    <div>
      <Text size="sm" fw={600}>
        {label}
      </Text>
      <List size="sm" style={{ overflowWrap: 'anywhere' }}>
        {items.map((item, index) => (
          <List.Item key={index}>{item}</List.Item>
        ))}
      </List>
    </div>
  );
}
