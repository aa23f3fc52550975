import { Stack, Text, Title } from '@mantine/core';
import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';

/** A place where nothing is yet: one sentence, and the one thing to do about it. */
export function Empty({
  icon: Icon,
  title,
  order = 2,
  children,
  action,
}: {
  icon: LucideIcon;
  title: string;
  /** 1 where nothing else on the page is a title. */
  order?: 1 | 2;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" ta="center">
      <Icon size={36} strokeWidth={1.5} aria-hidden style={{ opacity: 0.6 }} />
      <Title order={order} size="h2">{title}</Title>
      {children !== undefined && (
        <Text c="dimmed" maw={480}>
          {children}
        </Text>
      )}
      {action}
    </Stack>
  );
}
