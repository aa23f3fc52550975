import { Alert, Badge, Group, Select, Stack, Text } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Archive, Lock } from 'lucide-react';
import { type ComponentType, lazy, type ReactNode } from 'react';
import { bytes } from '../../app/format';
import { Digest } from '../../components/Digest';
import { Moment } from '../../components/Moment';
import { NotFound } from '../../components/NotFound';
import { type Crumb, Page } from '../../components/Page';
import { type Tab, Tabs } from '../../components/Tabs';
import type { ContentViewProps } from '../image/panel';
import { imageTexts } from '../image/texts';
import { useImage } from '../image/useImage';
import { artifactName } from './kinds';
import { detailQuery, readHistory, type TagDetail, type TagPlace, tagQuery } from './queries';
import { TagActions } from './TagActions';
import { tagTexts } from './texts';
import { tagPageTexts, type TagPageWords } from './texts.page';
import { LayersView } from './views/LayersView';
import type { ViewProps } from './views/view';

const ConfigView = lazy(() => import('./views/ConfigView').then((module) => ({ default: module.ConfigView })));
const ManifestView = lazy(() => import('./views/ManifestView').then((module) => ({ default: module.ManifestView })));
const ReferrersView = lazy(() => import('./views/ReferrersView').then((module) => ({ default: module.ReferrersView })));
const HistoryView = lazy(() => import('./views/HistoryView').then((module) => ({ default: module.HistoryView })));
const PullView = lazy(() => import('./views/PullView').then((module) => ({ default: module.PullView })));
const FilesView = lazy(() => import('../files/FilesView').then((module) => ({ default: module.FilesView })));
const PackagesView = lazy(() => import('../files/PackagesView').then((module) => ({ default: module.PackagesView })));

/** What a tag names, in every respect. */
export function TagPage() {
  const { org, image, tag } = useParams({ from: '/framed/members/images/$org/$image/tags/$tag' });
  const asked = useSearch({ strict: false })['platform'];
  const platform = typeof asked === 'string' ? asked : undefined;
  const place = { org, image, tag };
  const detail = useSuspenseQuery(detailQuery(place, platform)).data;
  if (detail === null) return <DeletedTag place={place} />;
  return <There place={place} detail={detail} />;
}

function There({ place, detail }: { place: TagPlace; detail: TagDetail }) {
  const t = tagPageTexts.use();
  const crumbs = useCrumbs(place);
  const { org, image, tag } = place;
  const { right } = useImage(org, image);
  const listed = useSuspenseQuery(tagQuery(place)).data;
  const content = detail.image ?? null;
  const platform = detail.images.find((one) => one.digest === content?.digest)?.platform ?? undefined;
  const path = detail.path.slice(0, -tag.length - 1);
  const view: ViewProps = { place, right, path, detail, content, platform };
  const isImage = content === null || content.config != null;
  return (
    <Page
      title={tag}
      crumbs={crumbs}
      intro={<Intro detail={detail} immutable={listed?.immutable ?? false} />}
      actions={<TagActions place={place} path={path} right={right} digest={detail.digest} type={isImage ? undefined : (content.artifact_type ?? content.config_media_type ?? '-')} immutable={listed?.immutable ?? false} />}
    >
      {detail.tag_type === 1 && <Platform detail={detail} platform={platform} />}
      <Tabs label={t.viewsLabel} name="view" keep={['platform']} tabs={views(view, isImage, t)} />
    </Page>
  );
}

/** The way to a tag. */
function useCrumbs({ org, image, tag }: TagPlace): Crumb[] {
  const t = imageTexts.use();
  return [
    { label: t.crumb, to: '/images' },
    { label: org, to: `/organizations/${org}` },
    { label: image, to: `/images/${org}/${encodeURIComponent(image)}` },
    { label: tag },
  ];
}

/** The views; those into files are for images only. */
function views(view: ViewProps, isImage: boolean, t: TagPageWords): Tab[] {
  const { org, image, tag } = view.place;
  const into = (View: ComponentType<ContentViewProps>) => <View org={org} image={image} reference={tag} platform={view.platform} />;
  const all: [keyof TagPageWords['view'], ReactNode, boolean][] = [
    ['layers', <LayersView key="layers" {...view} />, true],
    ['files', into(FilesView), isImage],
    ['packages', into(PackagesView), isImage],
    ['config', <ConfigView key="config" {...view} />, true],
    ['manifest', <ManifestView key="manifest" {...view} />, true],
    ['referrers', <ReferrersView key="referrers" {...view} />, true],
    ['history', <HistoryView key="history" place={view.place} right={view.right} now={view.detail.digest} />, true],
    ['pull', <PullView key="pull" {...view} />, true],
  ];
  const label = (key: keyof TagPageWords['view']) => (key === 'layers' && !isImage ? t.artifactFiles : t.view[key]);
  return all.filter(([, , there]) => there).map(([key, content]) => ({ key, label: label(key), content: <Stack gap="md">{content}</Stack> }));
}

/** What a tag is, in a line under its name. */
function Intro({ detail, immutable }: { detail: TagDetail; immutable: boolean }) {
  const t = tagPageTexts.use();
  const words = tagTexts.use();
  const content = detail.image;
  return (
    <Group gap="xs">
      <Digest digest={detail.digest} />
      {immutable && (
        <Badge variant="light" color="gray" tt="none" leftSection={<Lock size={11} aria-hidden />}>
          {words.badge.immutable}
        </Badge>
      )}
      {content != null && content.config == null && (
        <Badge variant="light" color="violet" tt="none">
          {artifactName(content.artifact_type ?? content.config_media_type ?? undefined, words)}
        </Badge>
      )}
      {detail.tag_type === 1 && <span>{words.index(platformsOf(detail).length)}</span>}
      <span>{bytes(detail.size)}</span>
      <span>
        {t.pushed} <Moment time={detail.updated} />
      </span>
    </Group>
  );
}

function platformsOf(detail: TagDetail) {
  return detail.images.filter((one) => one.platform != null && one.architecture !== 'unknown');
}

/** Which of the images of an index the page is about; the choice stands in the address. */
function Platform({ detail, platform }: { detail: TagDetail; platform: string | undefined }) {
  const t = tagPageTexts.use();
  const navigate = useNavigate();
  return (
    <Select
      label={t.platform}
      value={platform ?? null}
      onChange={(next) => next !== null && void navigate({ to: '.', search: (old) => ({ ...old, platform: next }), replace: true })}
      data={platformsOf(detail).map((one) => ({
        value: one.platform ?? '',
        label: `${one.platform ?? ''} · ${one.present && one.size != null ? bytes(one.size) : t.notThere}`,
        disabled: !one.present,
      }))}
      allowDeselect={false}
      w={{ base: '100%', xs: 280 }}
    />
  );
}

/** A tag that is gone, but not its history. */
function DeletedTag({ place }: { place: TagPlace }) {
  const t = tagPageTexts.use();
  const crumbs = useCrumbs(place);
  const { right } = useImage(place.org, place.image);
  const known = useSuspenseQuery({
    queryKey: ['tag', place.org, place.image, place.tag, 'history', 'known'],
    queryFn: async () => (await readHistory(place, undefined)).rows.length > 0,
  }).data;
  if (!known) return <NotFound />;
  return (
    <Page title={place.tag} crumbs={crumbs}>
      <Alert variant="light" color="yellow" icon={<Archive size={18} aria-hidden />} title={t.deleted.title}>
        <Text size="sm">{t.deleted.help}</Text>
      </Alert>
      <HistoryView place={place} right={right} now={undefined} />
    </Page>
  );
}
