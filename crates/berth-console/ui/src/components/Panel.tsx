import { Group, Title } from '@mantine/core';
import { type ReactNode, useId } from 'react';

/** A part of a page with a heading of its own. */
export function Panel({ title, actions, children, flush = false }: { title?: string; actions?: ReactNode; children: ReactNode; flush?: boolean }) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <Group className="panel-head" justify="space-between">
          <Title order={2} id={id}>
            {title}
          </Title>
          {actions}
        </Group>
      )}
      <div className={flush ? undefined : 'panel-body'}>{children}</div>
    </section>
  );
}
