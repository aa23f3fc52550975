import { Anchor, Badge, Button, Group, SegmentedControl, SimpleGrid, Stack, Text, useMantineColorScheme } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useQuery } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { LogOut } from 'lucide-react';
import { setLanguage, useLanguage } from '../../app/language';
import { useRegistryAddress } from '../../app/registry';
import { useSession, useSignOut } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { Copy } from '../../components/Copy';
import { Facts } from '../../components/Facts';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { LoginCommandButton } from '../access/LoginCommandButton';
import { accessTexts } from '../access/texts';
import { groupsOfQuery, userQuery } from '../access/users';
import { PasswordPanel } from './PasswordPanel';
import { accountTexts } from './texts';

/** Who one is, with everything that is one's own: password, groups, logins, language and appearance. */
export function AccountPage() {
  const t = accountTexts.use();
  const session = useSession();
  return (
    <Page title={t.title} intro={`${session.domain_name} / ${session.user_name}`}>
      <Credentials />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <PasswordPanel />
        <Stack gap="md">
          <Groups />
          <Logins />
          <ThisSession />
          <Appearance />
        </Stack>
      </SimpleGrid>
    </Page>
  );
}

function Credentials() {
  const t = accountTexts.use();
  const access = accessTexts.use();
  const session = useSession();
  const address = useRegistryAddress();
  const user = useQuery(userQuery(session.user_id));
  return (
    <Panel title={t.credentials}>
      <Text size="sm" c="dimmed" mb="sm">
        {t.credentialsHelp}
      </Text>
      <Facts
        facts={[
          [t.user, <Copied key="user" text={session.user_name} what={t.user} />],
          [t.userId, <Copied key="userId" text={session.user_id} what={t.userId} />],
          [t.account, <Copied key="account" text={session.domain_name} what={t.account} />],
          [t.accountId, <Copied key="accountId" text={session.domain_id} what={t.accountId} />],
          [t.project, <Copied key="project" text={session.project_name} what={t.project} />],
          [t.projectId, <Copied key="projectId" text={session.project_id} what={t.projectId} />],
          [t.registry, <Copied key="registry" text={address.host} what={t.registry} />],
          [
            t.role,
            <Badge key="role" variant="light" tt="none">
              {session.administrator ? t.administrator : t.member}
            </Badge>,
          ],
          [t.access, user.data === undefined ? undefined : access.users.access[user.data.access_mode]],
        ]}
      />
    </Panel>
  );
}

function Copied({ text, what }: { text: string; what: string }) {
  return (
    <Group gap={4} display="inline-flex" wrap="nowrap">
      <code>{text}</code>
      <Copy text={text} what={what} />
    </Group>
  );
}

function Groups() {
  const t = accountTexts.use();
  const session = useSession();
  const groups = useQuery(groupsOfQuery(session.user_id));
  return (
    <Panel title={t.groups}>
      <Ask query={groups} rows={1}>
        {(all) =>
          all.length === 0 ? (
            <Text size="sm" c="dimmed">
              {t.noGroups}
            </Text>
          ) : (
            <Group gap="xs">
              {all.map((group) => (
                <Badge key={group.id} variant="default" tt="none" title={group.description}>
                  {group.name}
                </Badge>
              ))}
            </Group>
          )
        }
      </Ask>
    </Panel>
  );
}

function Logins() {
  const t = accountTexts.use();
  return (
    <Panel title={t.logins}>
      <Text size="sm" mb="sm">
        {t.loginsHelp}
      </Text>
      <Group gap="sm">
        <LoginCommandButton />
        <Anchor component={Link} to="/access/keys" size="sm">
          {t.keys}
        </Anchor>
      </Group>
    </Panel>
  );
}

function ThisSession() {
  const t = accountTexts.use();
  const session = useSession();
  const signOut = useSignOut();
  const router = useRouter();
  return (
    <Panel title={t.session}>
      <Group justify="space-between">
        <Text size="sm" component="div">
          {t.ends} <Moment time={session.expires_at} />
        </Text>
        <Button
          variant="default"
          leftSection={<LogOut size={15} aria-hidden />}
          onClick={() => void signOut(() => router.navigate({ to: '/sign-in' }))}
        >
          {t.signOut}
        </Button>
      </Group>
    </Panel>
  );
}

function Appearance() {
  const t = accountTexts.use();
  const frame = frameTexts.use();
  const language = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Panel title={t.appearance}>
      <Stack gap="sm" align="flex-start">
        <SegmentedControl
          aria-label={frame.language}
          value={language}
          onChange={(next) => setLanguage(next === 'zh' ? 'zh' : 'en')}
          data={[
            { value: 'en', label: t.english },
            { value: 'zh', label: t.chinese },
          ]}
        />
        <SegmentedControl
          aria-label={frame.scheme.label}
          value={colorScheme}
          onChange={(next) => setColorScheme(next === 'light' || next === 'dark' ? next : 'auto')}
          data={[
            { value: 'light', label: frame.scheme.light },
            { value: 'dark', label: frame.scheme.dark },
            { value: 'auto', label: frame.scheme.auto },
          ]}
        />
      </Stack>
    </Panel>
  );
}
