import { Archive, Building2, Globe2, KeyRound, Layers, LayoutDashboard, type LucideIcon, ScrollText, Settings2, Share2, Workflow } from 'lucide-react';
import type { Session } from './session';
import type { FrameWords } from './texts.frame';

/** An entry of the navigation: a page, or a group of pages. */
export interface Entry {
  label: string;
  icon: LucideIcon;
  to?: string;
  children?: { label: string; to: string }[];
}

/** What somebody can go to; what they may never see is not there. */
export function navigation(t: FrameWords, session: Session | null): Entry[] {
  const center = { label: t.nav.center, icon: Globe2, to: '/center' };
  if (session === null) return [center];
  const administrator = session.administrator;
  return [
    { label: t.nav.dashboard, icon: LayoutDashboard, to: '/' },
    { label: t.nav.mine, icon: Layers, to: '/images' },
    { label: t.nav.shared, icon: Share2, to: '/images/shared' },
    center,
    { label: t.nav.organizations, icon: Building2, to: '/organizations' },
    {
      label: t.nav.automation,
      icon: Workflow,
      children: [
        { label: t.nav.triggers, to: '/automation/triggers' },
        { label: t.nav.sync, to: '/automation/sync' },
        { label: t.nav.retention, to: '/automation/retention' },
        { label: t.nav.immutability, to: '/automation/immutability' },
      ],
    },
    {
      label: t.nav.access,
      icon: KeyRound,
      children: [
        { label: t.nav.logins, to: '/access/logins' },
        { label: t.nav.keys, to: '/access/keys' },
        ...(administrator
          ? [
              { label: t.nav.users, to: '/access/users' },
              { label: t.nav.groups, to: '/access/groups' },
            ]
          : []),
      ],
    },
    { label: t.nav.bin, icon: Archive, to: '/bin' },
    ...(administrator
      ? [
          { label: t.nav.audit, icon: ScrollText, to: '/audit' },
          {
            label: t.nav.settings,
            icon: Settings2,
            children: [
              { label: t.nav.clusters, to: '/settings/clusters' },
              { label: t.nav.regions, to: '/settings/regions' },
              { label: t.nav.mirrors, to: '/settings/mirrors' },
              { label: t.nav.agents, to: '/settings/agents' },
              { label: t.nav.storage, to: '/settings/storage' },
              { label: t.nav.system, to: '/settings/system' },
            ],
          },
        ]
      : []),
  ];
}
