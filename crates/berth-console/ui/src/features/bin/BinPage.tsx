import { Group, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSession } from '../../app/session';
import { FilterInput } from '../../components/FilterInput';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { type BinFilter, KINDS, organizationsQuery } from './api';
import { EmptyBin } from './BinPanel';
import { BinTable } from './BinTable';
import { binTexts } from './texts';

/** What was deleted in all organizations that the caller has a right on. */
export function BinPage() {
  const t = binTexts.use();
  const session = useSession();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { org?: string; image?: string; kind?: string };
  const namespace = search.org ?? '';
  const filter: BinFilter = {
    namespace,
    repository: search.image ?? '',
    kind: KINDS.find((kind) => kind === search.kind),
  };
  const organizations = useQuery(organizationsQuery);
  const set = (part: typeof search) => {
    const next = { ...search, ...part };
    const kept = Object.entries(next).filter(([, value]) => value !== undefined && value !== '');
    void navigate({ to: '.', search: Object.fromEntries(kept), replace: true });
  };
  return (
    <Page title={t.title} intro={t.intro}>
      <Group gap="sm" justify="space-between">
        <Group gap="sm">
          <Select
            aria-label={t.organization}
            placeholder={t.allOrganizations}
            data={organizations.data ?? []}
            value={namespace === '' ? null : namespace}
            onChange={(org) => set({ org: org ?? '', image: '' })}
            searchable
            clearable
            w={220}
          />
          {namespace !== '' && <FilterInput label={t.image} value={search.image ?? ''} onChange={(image) => set({ image })} />}
          <Select
            aria-label={t.kind}
            placeholder={t.allKinds}
            data={KINDS.map((kind) => ({ value: kind, label: t.kinds[kind] }))}
            value={filter.kind ?? null}
            onChange={(kind) => set({ kind: kind ?? '' })}
            clearable
            w={160}
          />
        </Group>
        {namespace !== '' && session.administrator && <EmptyBin namespace={namespace} manages />}
      </Group>
      <Panel flush>
        <BinTable filter={filter} />
      </Panel>
    </Page>
  );
}
