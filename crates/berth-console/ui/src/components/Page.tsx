import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { frameTexts } from '../app/texts.frame';

/** A step of the way to a page; the last one is the page itself. */
export interface Crumb {
  label: string;
  to?: string;
}

/** A page: its title (also of the browser's tab), the way to it, what can be done with it, and its content. */
export function Page({
  title,
  crumbs,
  intro,
  actions,
  children,
}: {
  title: string;
  crumbs?: Crumb[];
  intro?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const t = frameTexts.use();
  useEffect(() => {
    document.title = `${title} · ${t.product}`;
  }, [title, t.product]);
  return (
    <Stack className="page" gap="md">
      {crumbs !== undefined && (
        <Breadcrumbs separatorMargin={6}>
          {crumbs.map((crumb) =>
            crumb.to === undefined ? (
              <Text key={crumb.label} size="sm" c="dimmed">
                {crumb.label}
              </Text>
            ) : (
              <Anchor key={crumb.label} component={Link} to={crumb.to} size="sm">
                {crumb.label}
              </Anchor>
            ),
          )}
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="flex-start" gap="md">
        <div style={{ minWidth: 0, flex: '1 1 320px' }}>
          <Title order={1} style={{ overflowWrap: 'anywhere' }}>
            {title}
          </Title>
          {intro !== undefined && (
            <Text c="dimmed" size="sm" mt={4} component="div">
              {intro}
            </Text>
          )}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}
