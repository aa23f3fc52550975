import type { ComponentType } from 'react';
import { Badge, Group } from '@mantine/core';
import { bytes, count } from '../../app/format';
import { Copy } from '../../components/Copy';
import { Moment } from '../../components/Moment';
import type { Right } from './panel';
import { imageTexts } from './texts';
import type { Image } from './useImage';

/** What an image's header gets. */
export interface HeaderProps {
  org: string;
  /** The name within the organization. */
  name: string;
  image: Image;
  right: Right;
}

/** What an image is, in a line under its name. */
export function ImageFacts({ image }: HeaderProps) {
  const t = imageTexts.use();
  return (
    <Group gap="xs">
      <Group gap={2}>
        <code>{image.path}</code>
        <Copy text={image.path} what={image.path} />
      </Group>
      <Badge variant="light" color={image.is_public ? 'teal' : 'gray'}>
        {image.is_public ? t.public : t.private}
      </Badge>
      <span>{t.tags(count(image.num_images), image.num_images)}</span>
      <span>{bytes(image.size)}</span>
      <span>{t.pulls(count(image.num_download), image.num_download)}</span>
      <span>
        {t.updated} <Moment time={image.updated_at} />
      </span>
    </Group>
  );
}

/** What can be done with an image as a whole. */
export const ImageActions: ComponentType<HeaderProps> = () => null;
