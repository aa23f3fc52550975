import { Button, Group } from '@mantine/core';
import { Link, useParams } from '@tanstack/react-router';
import { Layers, Plus, Terminal, Upload } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { bytes } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Empty } from '../../components/Empty';
import { Page } from '../../components/Page';
import { Tabs } from '../../components/Tabs';
import { ImageList } from '../images/ImageList';
import { may } from '../images/list';
import { imagesTexts } from '../images/texts';
import { type SeenOrganization, useOrganization, useOrganizationLedger } from './list';
import { organizationsTexts } from './texts';

const PermissionsOf = lazy(() => import('../rights/OrganizationPermissions').then((module) => ({ default: module.OrganizationPermissions })));
const OrganizationRules = lazy(() => import('../rules/OrganizationRules').then((module) => ({ default: module.OrganizationRules })));
const OrganizationSettings = lazy(() => import('./OrganizationSettings').then((module) => ({ default: module.OrganizationSettings })));
const PushDialog = lazy(() => import('../images/PushDialog').then((module) => ({ default: module.PushDialog })));
const CreateImageDialog = lazy(() => import('../images/CreateImageDialog').then((module) => ({ default: module.CreateImageDialog })));

/** An organization: its images, its people, its rules and what can be done with it as a whole. */
export function OrganizationPage() {
  const t = organizationsTexts.use();
  const images = imagesTexts.use();
  const { org } = useParams({ strict: false }) as { org: string };
  const organization = useOrganization(org);
  const [open, setOpen] = useState<'push' | 'create' | null>(null);
  const close = () => setOpen(null);
  const writes = may(organization.right, 'write');
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
          { key: 'users', label: t.tab.users, content: <PermissionsOf org={org} right={organization.right} /> },
          { key: 'rules', label: t.tab.rules, content: <OrganizationRules org={org} right={organization.right} /> },
          { key: 'settings', label: t.tab.settings, content: <OrganizationSettings org={org} right={organization.right} /> },
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
  const ledger = useOrganizationLedger(organization.name).data;
  return (
    <Group gap="md">
      {organization.right !== undefined && <span>{t.facts.role(frame.rights[organization.right])}</span>}
      {ledger !== undefined && ledger !== null && <span>{bytes(ledger.held_bytes)}</span>}
      <span>{t.facts.creator(organization.creator_name)}</span>
    </Group>
  );
}
