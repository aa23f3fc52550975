import { ActionIcon, AppShell, Burger, Button, Group, Kbd, Menu, NavLink, ScrollArea, Text, useMantineColorScheme } from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { Link, Outlet, useRouter, useRouterState } from '@tanstack/react-router';
import { Languages, LogOut, Moon, Search, Sun, SunMoon, User } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Mark } from '../components/Mark';
import { Offline } from '../components/Offline';
import { PageSkeleton } from '../components/PageSkeleton';
import { failed } from '../components/notify';
import { setLanguage, useLanguage } from './language';
import { navigation } from './navigation';
import { useMaybeSession, useSignOut } from './session';
import { frameTexts } from './texts.frame';

const Palette = lazy(() => import('../features/search/Palette').then((module) => ({ default: module.Palette })));
const UploadPill = lazy(() => import('../features/uploads/UploadPill').then((module) => ({ default: module.UploadPill })));
const LiveUpdates = lazy(() => import('../features/live/LiveUpdates').then((module) => ({ default: module.LiveUpdates })));

/** The frame around the pages: navigation, search, who is signed in, appearance and language. */
export function Shell() {
  const t = frameTexts.use();
  const session = useMaybeSession();
  const [opened, menu] = useDisclosure(false);
  const [palette, setPalette] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useHotkeys([
    ['mod+K', () => setPalette(true)],
    ['/', () => document.querySelector<HTMLInputElement>('input[data-filter]')?.focus()],
  ]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 236, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'sm', sm: 'lg' }}
    >
      <a className="skip-link" href="#content">
        {t.skip}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" gap="sm" wrap="nowrap">
          <Burger opened={opened} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label={t.menu} />
          <Link to="/" aria-label={t.product} style={{ display: 'flex', gap: 10, alignItems: 'center', color: 'inherit', textDecoration: 'none' }}>
            <Mark />
            <Text fw={650} size="lg" visibleFrom="xs">
              {t.product}
            </Text>
          </Link>
          {session !== null && (
            <Text size="sm" c="dimmed" visibleFrom="md" title={t.region}>
              {session.project_name}
            </Text>
          )}
          <Group ml="auto" gap="xs" wrap="nowrap">
            {session !== null && (
              <>
                <Suspense fallback={null}>
                  <UploadPill />
                </Suspense>
                <Button
                  variant="default"
                  size="xs"
                  leftSection={<Search size={14} aria-hidden />}
                  rightSection={<Kbd size="xs">⌘K</Kbd>}
                  onClick={() => setPalette(true)}
                  visibleFrom="sm"
                >
                  {t.search}
                </Button>
                <ActionIcon variant="subtle" color="gray" hiddenFrom="sm" aria-label={t.search} onClick={() => setPalette(true)}>
                  <Search size={18} aria-hidden />
                </ActionIcon>
              </>
            )}
            <Appearance />
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar component="nav" aria-label={t.nav.label}>
        <ScrollArea p="xs" type="auto">
          <Navigation path={path} onGo={menu.close} />
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: 'none' }}>
        <Offline />
        <Suspense fallback={<PageSkeleton />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
      {session !== null && (
        <Suspense fallback={null}>
          <LiveUpdates />
          {palette && <Palette onClose={() => setPalette(false)} />}
        </Suspense>
      )}
    </AppShell>
  );
}

/** `onGo`: on a phone the menu lies over the page that it led to. */
function Navigation({ path, onGo }: { path: string; onGo: () => void }) {
  const t = frameTexts.use();
  const session = useMaybeSession();
  return navigation(t, session).map((entry) => {
    const inside = entry.children ?? [];
    const active = entry.to !== undefined && isAt(path, entry.to);
    const Icon = entry.icon;
    const icon = <Icon size={17} aria-hidden />;
    if (entry.to !== undefined) {
      return (
        <NavLink
          key={entry.label}
          component={Link}
          to={entry.to}
          activeOptions={{ exact: true }}
          label={entry.label}
          leftSection={icon}
          active={active}
          onClick={onGo}
          aria-current={active ? 'page' : undefined}
        />
      );
    }
    return (
      <NavLink
        key={entry.label}
        component="button"
        label={entry.label}
        leftSection={icon}
        defaultOpened={inside.some((child) => isAt(path, child.to))}
        childrenOffset={28}
      >
        {inside.map((child) => (
          <NavLink
            key={child.to}
            component={Link}
            to={child.to}
            activeOptions={{ exact: true }}
            label={child.label}
            active={isAt(path, child.to)}
            onClick={onGo}
            aria-current={isAt(path, child.to) ? 'page' : undefined}
          />
        ))}
      </NavLink>
    );
  });
}

/** Whether an address belongs to an entry: `/images/o/i` to "My images", but `/images/shared` does not. */
function isAt(path: string, entry: string): boolean {
  if (entry === '/images') return path === '/images' || (path.startsWith('/images/') && path !== '/images/shared');
  return path === entry || (entry !== '/' && path.startsWith(`${entry}/`));
}

function Appearance() {
  const t = frameTexts.use();
  const current = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const schemes = [
    ['light', t.scheme.light, Sun],
    ['dark', t.scheme.dark, Moon],
    ['auto', t.scheme.auto, SunMoon],
  ] as const;
  return (
    <>
      <Menu>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.language}>
            <Languages size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setLanguage('en')} fw={current === 'en' ? 650 : undefined} lang="en">
            English
          </Menu.Item>
          <Menu.Item onClick={() => setLanguage('zh')} fw={current === 'zh' ? 650 : undefined} lang="zh-CN">
            简体中文
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Menu>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.scheme.label}>
            <SunMoon size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {schemes.map(([scheme, label, Icon]) => (
            <Menu.Item
              key={scheme}
              leftSection={<Icon size={16} aria-hidden />}
              fw={colorScheme === scheme ? 650 : undefined}
              onClick={() => setColorScheme(scheme)}
            >
              {label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function Account() {
  const t = frameTexts.use();
  const session = useMaybeSession();
  const signOut = useSignOut();
  const router = useRouter();
  if (session === null) {
    return (
      <Button component={Link} to="/sign-in" size="xs">
        {t.account.signIn}
      </Button>
    );
  }
  const leave = () => signOut(() => router.navigate({ to: '/sign-in' })).catch(failed);
  return (
    <Menu>
      <Menu.Target>
        <Button variant="subtle" color="gray" size="xs" px={6} leftSection={<User size={16} aria-hidden />} aria-label={t.account.menu(session.user_name)}>
          <Text span size="sm" visibleFrom="xs">
            {session.user_name}
          </Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{`${session.domain_name} / ${session.user_name}`}</Menu.Label>
        <Menu.Item component={Link} to="/account" leftSection={<User size={16} aria-hidden />}>
          {t.account.own}
        </Menu.Item>
        <Menu.Item leftSection={<LogOut size={16} aria-hidden />} onClick={leave}>
          {t.account.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
