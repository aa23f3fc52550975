import { Button, Group, Tooltip } from '@mantine/core';
import { Link, useParams } from '@tanstack/react-router';
import { Layers, Plus, Terminal, Upload } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { bytes, count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Tabs } from '../../components/Tabs';
import { ImageList } from '../images/ImageList';
import { may, rightOnAll } from '../images/list';
import { imagesTexts } from '../images/texts';
import { type SeenOrganization, useOrganization } from './list';
import { organizationsTexts } from './texts';

const PermissionsOf = lazy(() => import('../rights/OrganizationPermissions').then((module) => ({ default: module.OrganizationPermissions })));
const BinPanel = lazy(() => import('../bin/BinPanel').then((module) => ({ default: module.BinPanel })));
const OrganizationRules = lazy(() => import('../rules/OrganizationRules').then((module) => ({ default: module.OrganizationRules })));
const OrganizationSettings = lazy(() => import('./OrganizationSettings').then((module) => ({ default: module.OrganizationSettings })));
const PushDialog = lazy(() => import('../images/PushDialog').then((module) => ({ default: module.PushDialog })));
const CreateImageDialog = lazy(() => import('../images/CreateImageDialog').then((module) => ({ default: module.CreateImageDialog })));

/** An organization: its images, its people, its rules and what can be done with it as a whole. */
export function OrganizationPage() {
  const t = organizationsTexts.use();
  const images = imagesTexts.use();
  const frame = frameTexts.use();
  const { org } = useParams({ strict: false }) as { org: string };
  const organization = useOrganization(org);
  const [open, setOpen] = useState<'push' | 'create' | null>(null);
  const close = () => setOpen(null);
  const right = rightOnAll(organization.self_rights);
  const writes = may(right, 'write');
  const add: ReactNode = writes && (
    <>
      <Button variant="default" leftSection={<Plus size={16} aria-hidden />} onClick={() => setOpen('create')}>
        {images.create}
      </Button>
      <Button variant="default" leftSection={<Terminal size={16} aria-hidden />} onClick={() => setOpen('push')}>
        {images.uploadClient}
      </Button>
      <Button component={Link} to="/uploads" leftSection={<Upload size={16} aria-hidden />}>
        {images.upload}
      </Button>
    </>
  );
  const empty = (
    <Empty icon={Layers} title={t.noImages}>
      {writes ? t.noImagesHelp : t.noImagesRead}
    </Empty>
  );
  return (
    <Page
      title={org}
      crumbs={[{ label: t.crumb, to: '/organizations' }, { label: org }]}
      intro={<Facts organization={organization} />}
      actions={add || undefined}
    >
      <Tabs
        label={t.tabsLabel}
        tabs={[
          { key: 'images', label: t.tab.images, content: <ImageList org={org} empty={empty} /> },
          // Who has a right on single images only is not told the rest.
          ...(right === undefined
            ? []
            : [
                { key: 'users', label: t.tab.users, content: <PermissionsOf organization={organization} /> },
                { key: 'rules', label: t.tab.rules, content: <OrganizationRules org={org} right={right} /> },
                { key: 'bin', label: frame.nav.bin, content: <BinPanel namespace={org} manages={may(right, 'manage')} /> },
                { key: 'settings', label: t.tab.settings, content: <OrganizationSettings org={org} right={right} /> },
              ]),
        ]}
      />
      <Suspense fallback={null}>
        {open === 'push' && <PushDialog org={org} onClose={close} />}
        {open === 'create' && <CreateImageDialog org={org} onClose={close} />}
      </Suspense>
    </Page>
  );
}

function Facts({ organization }: { organization: SeenOrganization }) {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  const rights = organization.self_rights;
  return (
    <Group gap="md" style={{ rowGap: 2 }}>
      {rights !== null && rights !== undefined && (
        <Tooltip label={t.sources[rights.source]}>
          <span tabIndex={0}>{t.facts.role(rights.source === 'image' ? t.imageOnly : frame.rights[rights.permission])}</span>
        </Tooltip>
      )}
      <span>{t.facts.images(count(organization.num_repos), organization.num_repos)}</span>
      <span>{t.facts.tags(count(organization.num_images), organization.num_images)}</span>
      <span>{bytes(organization.size)}</span>
      {typeof organization.num_users === 'number' && <span>{t.facts.users(count(organization.num_users), organization.num_users)}</span>}
      <span>
        {t.facts.creator(organization.creator_name)}, <Moment time={organization.created_at} />
      </span>
    </Group>
  );
}
