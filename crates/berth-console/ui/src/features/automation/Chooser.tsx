import { Button, SegmentedControl, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { MousePointerClick } from 'lucide-react';
import { type ReactNode, Suspense, useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Rows } from '../../components/PageSkeleton';
import { Panel } from '../../components/Panel';
import { readImages } from '../images/list';
import { readOrganizations } from '../organizations/list';
import './Chooser.css';
import { automationTexts } from './texts';

/** Whose rules are looked at; an organization's own without an image. */
export interface Chosen {
  org: string;
  image: string | undefined;
}

const SIZE = 50;

interface Entry {
  name: string;
  chosen: Chosen;
}

async function readEntries(what: 'images' | 'organizations', text: string, offset: number): Promise<{ entries: Entry[]; total: number }> {
  if (what === 'organizations') {
    const found = await readOrganizations({ text, column: 'name', descending: false }, offset, SIZE);
    return { entries: found.rows.map(({ name }) => ({ name, chosen: { org: name, image: undefined } })), total: found.total };
  }
  const wanted = { set: 'own', text, org: '', category: '', visibility: '', state: '', column: 'name', descending: false } as const;
  const found = await readImages(wanted, offset, SIZE);
  return { entries: found.rows.map(({ namespace, name }) => ({ name: `${namespace}/${name}`, chosen: { org: namespace, image: name } })), total: found.total };
}

/** A list to choose an image from, or an organization, and what is to be shown of the choice; it stands in the address. */
export function Chooser({ organizations = false, children }: { organizations?: boolean; children: (chosen: Chosen) => ReactNode }) {
  const t = automationTexts.use();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { org?: string; image?: string; q?: string };
  const chosen = search.org === undefined || (search.image === undefined && !organizations) ? undefined : { org: search.org, image: search.image };
  const [what, setWhat] = useState<'images' | 'organizations'>(organizations && search.image === undefined ? 'organizations' : 'images');
  return (
    <div className="chooser">
      <Panel>
        <Stack gap="xs">
          {organizations && (
            <SegmentedControl
              fullWidth
              size="xs"
              aria-label={t.which}
              value={what}
              onChange={(next) => setWhat(next as typeof what)}
              data={[
                { value: 'organizations', label: t.organizations },
                { value: 'images', label: t.images },
              ]}
            />
          )}
          <FilterInput
            value={search.q ?? ''}
            label={t.filter}
            onChange={(q) => void navigate({ to: '.', search: (old: Record<string, unknown>) => ({ ...old, q: q === '' ? undefined : q }), replace: true })}
          />
        </Stack>
        <Entries what={what} text={search.q ?? ''} chosen={chosen} />
      </Panel>
      <Stack gap="md" style={{ minWidth: 0 }}>
        {chosen === undefined ? (
          <Panel>
            <Empty icon={MousePointerClick} title={organizations ? t.chooseEither : t.choose}>
              {t.chooseHelp}
            </Empty>
          </Panel>
        ) : (
          <Suspense key={`${chosen.org}/${chosen.image ?? ''}`} fallback={<Rows count={6} />}>
            {children(chosen)}
          </Suspense>
        )}
      </Stack>
    </div>
  );
}

function Entries({ what, text, chosen }: { what: 'images' | 'organizations'; text: string; chosen: Chosen | undefined }) {
  const t = automationTexts.use();
  const frame = frameTexts.use();
  const query = useInfiniteQuery({
    queryKey: [what, 'automation', text],
    queryFn: ({ pageParam }) => readEntries(what, text, pageParam),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => (pages.length * SIZE < last.total ? pages.length * SIZE : undefined),
    placeholderData: keepPreviousData,
  });
  return (
    <Ask query={query}>
      {(found) => {
        const entries = found.pages.flatMap((page) => page.entries);
        if (entries.length === 0) {
          return (
            <Text size="sm" c="dimmed" py="sm">
              {text !== '' ? frame.nothingMatches : what === 'images' ? t.noImages : t.noOrganizations}
            </Text>
          );
        }
        return (
          <nav aria-label={what === 'images' ? t.images : t.organizations}>
            <ul className="chooser-list" style={{ marginTop: 8, paddingInline: 0 }}>
              {entries.map(({ name, chosen: entry }) => {
                const current = chosen?.org === entry.org && chosen.image === entry.image;
                return (
                  <li key={name}>
                    <Link to="." search={(old: Record<string, unknown>) => ({ ...old, org: entry.org, image: entry.image, trigger: undefined })} aria-current={current ? 'true' : undefined}>
                      {name}
                    </Link>
                  </li>
                );
              })}
            </ul>
            {query.hasNextPage && (
              <Button variant="subtle" size="compact-sm" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t.more}
              </Button>
            )}
          </nav>
        );
      }}
    </Ask>
  );
}
