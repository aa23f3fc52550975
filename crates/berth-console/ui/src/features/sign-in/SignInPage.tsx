import { Anchor, Group, Stack, Text, Title } from '@mantine/core';
import { Link, useRouter, useSearch } from '@tanstack/react-router';
import { basePath } from '../../api/base';
import { setLanguage } from '../../app/language';
import { frameTexts } from '../../app/texts.frame';
import { Mark } from '../../components/Mark';
import { Providers } from './Providers';
import { SignInForm } from './SignInForm';

/** The way in. */
export function SignInPage() {
  const t = frameTexts.use();
  const router = useRouter();
  const { next, refused } = useSearch({ from: '/sign-in' });
  const enter = () => router.history.push(inside(next));
  return (
    <Stack component="main" mih="100%" align="center" justify="center" p="md" gap="lg">
      <div className="panel" style={{ width: '100%', maxWidth: 400 }}>
        <div className="panel-body">
          <Group gap="sm" mb="md">
            <Mark />
            <Title order={1}>{t.signIn.title}</Title>
          </Group>
          <Providers next={inside(next).slice(basePath.length)} refused={refused} />
          <SignInForm onDone={enter} />
          <Text size="sm" c="dimmed" mt="md">
            {t.signIn.first} <code>berth admin user reset-password</code>
          </Text>
        </div>
      </div>
      <Group gap="lg">
        <Anchor component={Link} to="/center" size="sm">
          {t.signIn.center}
        </Anchor>
        <Anchor component="button" size="sm" lang="en" onClick={() => setLanguage('en')}>
          English
        </Anchor>
        <Anchor component="button" size="sm" lang="zh-CN" onClick={() => setLanguage('zh')}>
          简体中文
        </Anchor>
      </Group>
    </Stack>
  );
}

/** Where to go afterwards: an address of this console and nothing else, whatever the link said. */
function inside(next: unknown): string {
  const home = `${basePath}/`;
  if (typeof next !== 'string' || !next.startsWith('/')) return home;
  const url = new URL(next, location.origin);
  if (url.origin !== location.origin) return home;
  const path = url.pathname.startsWith(home) ? url.pathname : basePath + url.pathname;
  return path + url.search + url.hash;
}
