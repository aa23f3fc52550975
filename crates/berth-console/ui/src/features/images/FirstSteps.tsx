import { Anchor, Button, Group, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import '@mantine/core/styles/ThemeIcon.layer.css';
import { Link } from '@tanstack/react-router';
import { Building2, Check, KeyRound, type LucideIcon, Upload } from 'lucide-react';
import type { ReactNode } from 'react';
import { LoginCommandButton } from '../access/LoginCommandButton';
import { useOrganizationNames } from './list';
import { imagesTexts } from './texts';

/** What somebody does who has no image yet. */
export function FirstSteps({ onPush }: { onPush: () => void }) {
  const t = imagesTexts.use();
  const organizations = useOrganizationNames();
  const first = organizations.data?.[0];
  return (
    <Stack maw={640} mx="auto" py={40} px="md" gap="lg">
      <div>
        <Title order={2}>{t.empty.firstTitle}</Title>
        <Text c="dimmed">{t.empty.intro}</Text>
      </div>
      <Stack component="ol" gap="md" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
        <Step
          icon={Building2}
          done={first !== undefined}
          title={t.empty.steps.organization}
          help={first === undefined ? t.empty.steps.organizationHelp : t.empty.steps.organizationDone(first.name)}
        >
          {first === undefined && (
            <Button renderRoot={(props) => <Link to="/organizations" search={{ create: true }} {...props} />} size="xs">
              {t.empty.steps.organization}
            </Button>
          )}
        </Step>
        <Step icon={KeyRound} title={t.empty.steps.login} help={t.empty.steps.loginHelp}>
          <LoginCommandButton size="xs" variant={first === undefined ? 'default' : 'filled'} />
        </Step>
        <Step icon={Upload} title={t.empty.steps.push} help={t.empty.steps.pushHelp}>
          <Group gap="xs">
            <Button size="xs" variant="default" onClick={onPush}>
              {t.uploadClient}
            </Button>
            <Anchor component={Link} to="/uploads" size="sm">
              {t.upload}
            </Anchor>
          </Group>
        </Step>
      </Stack>
    </Stack>
  );
}

function Step({ icon: Icon, title, help, done = false, children }: { icon: LucideIcon; title: string; help: string; done?: boolean; children: ReactNode }) {
  return (
    <Group component="li" align="flex-start" wrap="nowrap" gap="md">
      <ThemeIcon variant="light" color={done ? 'teal' : 'tide'} size={36} radius="xl">
        {done ? <Check size={18} aria-hidden /> : <Icon size={18} aria-hidden />}
      </ThemeIcon>
      <Stack gap={6} align="flex-start">
        <div>
          <Text fw={600}>{title}</Text>
          <Text size="sm" c="dimmed">
            {help}
          </Text>
        </div>
        {children}
      </Stack>
    </Group>
  );
}
