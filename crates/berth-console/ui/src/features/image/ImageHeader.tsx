import { Badge, Button, Group } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { Globe2, Lock, Pencil, Terminal, Trash2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { bytes, count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Copy } from '../../components/Copy';
import { Moment } from '../../components/Moment';
import { CategoryName } from '../images/Labels';
import { imagesTexts } from '../images/texts';
import { allows, type Right } from './panel';
import { imageTexts } from './texts';
import type { Image } from './useImage';

const EditImageDialog = lazy(() => import('./EditImageDialog').then((module) => ({ default: module.EditImageDialog })));
const DeleteImageDialog = lazy(() => import('./DeleteImageDialog').then((module) => ({ default: module.DeleteImageDialog })));
const PushDialog = lazy(() => import('../images/PushDialog').then((module) => ({ default: module.PushDialog })));

/** What an image's header gets. */
export interface HeaderProps {
  org: string;
  /** The name within the organization. */
  name: string;
  image: Image;
  right: Right;
}

/** What an image is, in a line under its name. */
export function ImageFacts({ image, right }: HeaderProps) {
  const t = imageTexts.use();
  const own = imagesTexts.use();
  const frame = frameTexts.use();
  const Sign = image.is_public ? Globe2 : Lock;
  return (
    <Group gap="xs" style={{ rowGap: 4, overflowWrap: 'anywhere' }}>
      <Group gap={2} wrap="nowrap">
        <code>{image.path}</code>
        <Copy text={image.path} what={image.path} />
      </Group>
      <Badge variant="light" color={image.is_public ? 'teal' : 'gray'} leftSection={<Sign size={12} aria-hidden />} tt="none">
        {image.is_public ? t.public : t.private}
      </Badge>
      {image.category !== '' && (
        <Badge variant="light" color="gray" tt="none">
          <CategoryName category={image.category} />
        </Badge>
      )}
      <span>{t.tags(count(image.num_images), image.num_images)}</span>
      <span>{bytes(image.size)}</span>
      <span>{t.pulls(count(image.num_download), image.num_download)}</span>
      <span>
        {t.updated} <Moment time={image.updated_at} />
      </span>
      <span>{own.yourRight(frame.rights[right])}</span>
    </Group>
  );
}

/** What can be done with an image as a whole, as far as the reader may. */
export function ImageActions({ org, name, right }: HeaderProps) {
  const t = imagesTexts.use();
  const frame = frameTexts.use();
  const navigate = useNavigate();
  const [open, setOpen] = useState<'edit' | 'delete' | 'push' | null>(null);
  const close = () => setOpen(null);
  if (!allows(right, 'write')) return null;
  return (
    <>
      <Button variant="default" leftSection={<Terminal size={16} aria-hidden />} onClick={() => setOpen('push')}>
        {t.uploadClient}
      </Button>
      <Button variant="default" leftSection={<Pencil size={16} aria-hidden />} onClick={() => setOpen('edit')}>
        {frame.edit}
      </Button>
      {allows(right, 'manage') && (
        <Button variant="default" c="var(--mantine-color-error)" leftSection={<Trash2 size={16} aria-hidden />} onClick={() => setOpen('delete')}>
          {frame.delete}
        </Button>
      )}
      <Suspense fallback={null}>
        {open === 'push' && <PushDialog org={org} image={name} onClose={close} />}
        {open === 'edit' && <EditImageDialog org={org} image={name} onClose={close} />}
        {open === 'delete' && <DeleteImageDialog org={org} image={name} onClose={close} onDone={() => void navigate({ to: '/images' })} />}
      </Suspense>
    </>
  );
}
