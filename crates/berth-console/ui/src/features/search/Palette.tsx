import '@mantine/spotlight/styles.layer.css';
import './Palette.css';
import { useDebouncedValue } from '@mantine/hooks';
import { createSpotlight, Spotlight } from '@mantine/spotlight';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { ArrowRight, Building2, Fingerprint, Layers, type LucideIcon, Search, Tag } from 'lucide-react';
import { type KeyboardEvent, useEffect, useState } from 'react';
import { basePath } from '../../api/base';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { shortDigest } from '../../app/format';
import { navigation } from '../../app/navigation';
import { useMaybeSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { type SearchWords, searchTexts } from './texts';

type Results = components['schemas']['SearchResults'];

/** Something one can go to. */
interface Hit {
  id: string;
  label: string;
  description?: string;
  to: string;
}

interface HitGroup {
  label: string;
  icon: LucideIcon;
  hits: Hit[];
}

const [store, actions] = createSpotlight();

/** Results of each kind. */
const LIMIT = 8;

/** Search over everything one may see, as one types; and the way to every page by its name. */
export function Palette({ onClose }: { onClose: () => void }) {
  const t = searchTexts.use();
  const frame = frameTexts.use();
  const session = useMaybeSession();
  const router = useRouter();
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text.trim(), 120);
  const found = useQuery({
    queryKey: ['search', settled],
    queryFn: () => data(api.GET('/v2/manage/search', { params: { query: { q: settled, limit: LIMIT } } })),
    enabled: settled !== '',
    placeholderData: keepPreviousData,
  });
  useEffect(() => actions.open(), []);
  const pages = navigation(frame, session)
    .flatMap((entry): { label: string; to?: string }[] => entry.children ?? [entry])
    .flatMap(({ label, to }): Hit[] => (to === undefined ? [] : [{ id: to, label, to }]))
    .filter((page) => page.label.toLowerCase().includes(text.trim().toLowerCase()));
  const groups = [
    ...(settled === '' || found.data === undefined ? [] : groupsOf(found.data, t)),
    { label: t.pages, icon: ArrowRight, hits: pages.slice(0, settled === '' ? 20 : 4) },
  ].filter((group) => group.hits.length > 0);
  return (
    <Spotlight.Root
      store={store}
      query={text}
      onQueryChange={setText}
      onSpotlightClose={onClose}
      shortcut={null}
      centered={false}
      scrollable
      maxHeight="min(60vh, 520px)"
      attributes={{ content: { 'aria-label': frame.search } }}
    >
      <Spotlight.Search placeholder={t.label} aria-label={t.label} leftSection={<Search size={18} aria-hidden />} onKeyDown={followFirst} />
      <Spotlight.ActionsList aria-label={t.label}>
        {groups.map((group) => (
          <Spotlight.ActionsGroup key={group.label} label={group.label}>
            {group.hits.map((hit) => (
              <Spotlight.Action
                key={hit.id}
                label={hit.label}
                description={hit.description}
                leftSection={<group.icon size={17} aria-hidden />}
                onClick={() => router.history.push(basePath + hit.to)}
              />
            ))}
          </Spotlight.ActionsGroup>
        ))}
        {groups.length === 0 && (
          <Spotlight.Empty>{found.isFetching ? t.searching : t.nothing(settled)}</Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
      <Spotlight.Footer fz="xs" c="dimmed">
        {t.hint}
      </Spotlight.Footer>
    </Spotlight.Root>
  );
}

/** Enter follows the first hit, also of an answer that came after the text and in which nothing is chosen yet. */
function followFirst(event: KeyboardEvent<HTMLInputElement>): void {
  const all = event.currentTarget.closest('[role="dialog"]');
  if (event.key !== 'Enter' || all === null || all.querySelector('[data-selected]') !== null) return;
  all.querySelector<HTMLElement>('[data-action]')?.click();
}

/** The address of an image's page; names with `/` are one part of it. */
function imagePath(organization: string, image: string): string {
  return `/images/${encodeURIComponent(organization)}/${encodeURIComponent(image)}`;
}

function groupsOf(found: Results, t: SearchWords): HitGroup[] {
  const digest = (hit: Results['manifests'][number]): Hit => ({
    id: `${hit.namespace}/${hit.repository}@${hit.digest}`,
    label: shortDigest(hit.digest),
    description: `${hit.namespace}/${hit.repository}`,
    to: imagePath(hit.namespace, hit.repository),
  });
  return [
    {
      label: t.organizations,
      icon: Building2,
      hits: found.organizations.map(({ name }) => ({ id: `o:${name}`, label: name, to: `/organizations/${encodeURIComponent(name)}` })),
    },
    {
      label: t.images,
      icon: Layers,
      hits: found.repositories.map((image) => ({
        id: image.path,
        label: `${image.namespace}/${image.name}`,
        description: [t.tagCount(image.num_images), ...(image.is_public ? [t.public] : [])].join(' · '),
        to: imagePath(image.namespace, image.name),
      })),
    },
    {
      label: t.tags,
      icon: Tag,
      hits: found.tags.map((tag) => ({
        id: `t:${tag.path}`,
        label: tag.tag,
        description: `${tag.namespace}/${tag.repository}`,
        to: `${imagePath(tag.namespace, tag.repository)}/tags/${encodeURIComponent(tag.tag)}`,
      })),
    },
    { label: t.manifests, icon: Fingerprint, hits: found.manifests.map(digest) },
    { label: t.blobs, icon: Fingerprint, hits: found.blobs.map((hit) => ({ ...digest(hit), id: `b:${digest(hit).id}` })) },
  ];
}
