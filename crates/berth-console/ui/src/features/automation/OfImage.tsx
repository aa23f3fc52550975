import { Anchor, Group, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { ExternalLink } from 'lucide-react';
import type { ComponentType, ReactNode } from 'react';
import { allows, type ImagePanelProps } from '../image/panel';
import { useImage } from '../image/useImage';
import { rightOnAll } from '../images/list';
import { useOrganization } from '../organizations/list';
import { automationTexts } from './texts';

/** A panel of an image's page, for the image that was chosen. */
export function OfImage({ org, image, panel: Part }: { org: string; image: string; panel: ComponentType<ImagePanelProps> }) {
  const t = automationTexts.use();
  const { right } = useImage(org, image);
  const name = `${org}/${image}`;
  return (
    <>
      <Group gap="xs">
        <Title order={2}>{name}</Title>
        <Anchor component={Link} to={`/images/${org}/${encodeURIComponent(image)}`} aria-label={t.open(name)} display="flex">
          <ExternalLink size={15} aria-hidden />
        </Anchor>
      </Group>
      <Part org={org} image={image} right={right} />
    </>
  );
}

/** Rules of the organization that was chosen. */
export function OfOrganization({ org, children }: { org: string; children: (mayManage: boolean) => ReactNode }) {
  const t = automationTexts.use();
  const right = rightOnAll(useOrganization(org).self_rights);
  return (
    <>
      <Group gap="xs">
        <Title order={2}>{org}</Title>
        <Anchor component={Link} to={`/organizations/${org}`} aria-label={t.open(org)} display="flex">
          <ExternalLink size={15} aria-hidden />
        </Anchor>
      </Group>
      {children(right !== undefined && allows(right, 'manage'))}
    </>
  );
}
