import { Tabs as MantineTabs } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, Suspense } from 'react';
import { Rows } from './PageSkeleton';

/** A part of a page behind a tab; its key stands in the address. */
export interface Tab {
  key: string;
  label: string;
  content: ReactNode;
}

/**
 * Tabs whose choice is part of the address (`?tab=`), so that it can be linked, and survives a reload. What else stands there
 * belongs to the tab that is left, but for what is to be kept.
 */
export function Tabs({ label, tabs, name = 'tab', keep }: { label: string; tabs: Tab[]; name?: string; keep?: string[] }) {
  const navigate = useNavigate();
  const search = useSearch({ strict: false });
  const first = tabs[0]?.key ?? '';
  const chosen = tabs.find((tab) => tab.key === search[name])?.key ?? first;
  const choose = (next: string | null) => {
    const kept = Object.fromEntries((keep ?? []).map((key) => [key, search[key]]));
    void navigate({ to: '.', search: next === null || next === first ? kept : { ...kept, [name]: next }, replace: true });
  };
  return (
    <MantineTabs value={chosen} onChange={choose} keepMounted={false}>
      <div className="scroll-x">
        <MantineTabs.List aria-label={label} style={{ flexWrap: 'nowrap' }}>
          {tabs.map((tab) => (
            <MantineTabs.Tab key={tab.key} value={tab.key} style={{ whiteSpace: 'nowrap' }}>
              {tab.label}
            </MantineTabs.Tab>
          ))}
        </MantineTabs.List>
      </div>
      {tabs.map((tab) => (
        <MantineTabs.Panel key={tab.key} value={tab.key} pt="md">
          <Suspense fallback={<Rows count={5} />}>{tab.content}</Suspense>
        </MantineTabs.Panel>
      ))}
    </MantineTabs>
  );
}
