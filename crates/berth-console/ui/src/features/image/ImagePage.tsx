import { useParams } from '@tanstack/react-router';
import { type ComponentType, lazy } from 'react';
import { Page } from '../../components/Page';
import { Tabs } from '../../components/Tabs';
import { TagsPanel } from '../tag/TagsPanel';
import { ImageActions, ImageFacts } from './ImageHeader';
import type { ImagePanelProps } from './panel';
import { imageTexts, type ImageWords } from './texts';
import { useImage } from './useImage';

const Description = lazy(() => import('./Description').then((module) => ({ default: module.Description })));
const GuidePanel = lazy(() => import('./GuidePanel').then((module) => ({ default: module.GuidePanel })));
const PermissionsPanel = lazy(() => import('../rights/PermissionsPanel').then((module) => ({ default: module.PermissionsPanel })));
const SharingPanel = lazy(() => import('../sharing/SharingPanel').then((module) => ({ default: module.SharingPanel })));
const TriggersPanel = lazy(() => import('../triggers/TriggersPanel').then((module) => ({ default: module.TriggersPanel })));
const RetentionPanel = lazy(() => import('../retention/RetentionPanel').then((module) => ({ default: module.RetentionPanel })));
const ImmutabilityPanel = lazy(() => import('../immutability/ImmutabilityPanel').then((module) => ({ default: module.ImmutabilityPanel })));
const SyncPanel = lazy(() => import('../sync/SyncPanel').then((module) => ({ default: module.SyncPanel })));
const AccelerationPanel = lazy(() => import('../acceleration/AccelerationPanel').then((module) => ({ default: module.AccelerationPanel })));

/** Parts for everybody who may pull; the others are for those with a right of their own. */
const FOR_ALL = new Set(['tags', 'description', 'guide']);

/** The parts of the page in SWR's order. The tags come with the page, the others when they are opened. */
const PARTS: [keyof ImageWords['tab'], ComponentType<ImagePanelProps>][] = [
  ['tags', TagsPanel],
  ['description', Description],
  ['permissions', PermissionsPanel],
  ['sharing', SharingPanel],
  ['triggers', TriggersPanel],
  ['retention', RetentionPanel],
  ['immutability', ImmutabilityPanel],
  ['sync', SyncPanel],
  ['acceleration', AccelerationPanel],
  ['guide', GuidePanel],
];

/** An image: its tags, and everything that is about all of them. */
export function ImagePage() {
  const t = imageTexts.use();
  const { org, image: name } = useParams({ from: '/framed/members/images/$org/$image' });
  const { image, right, isOwn } = useImage(org, name);
  const about = { org, name, image, right };
  return (
    <Page
      title={name}
      crumbs={[{ label: t.crumb, to: '/images' }, { label: org, to: `/organizations/${org}` }, { label: name }]}
      intro={<ImageFacts {...about} />}
      actions={<ImageActions {...about} />}
    >
      <Tabs
        label={t.tabsLabel}
        tabs={PARTS.filter(([key]) => isOwn || FOR_ALL.has(key)).map(([key, Part]) => ({ key, label: t.tab[key], content: <Part org={org} image={name} right={right} /> }))}
      />
    </Page>
  );
}
