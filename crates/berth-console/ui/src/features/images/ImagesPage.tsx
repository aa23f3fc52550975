import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Plus, Terminal, Upload } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Page } from '../../components/Page';
import { FirstSteps } from './FirstSteps';
import { ImageList } from './ImageList';
import { imagesTexts } from './texts';

const PushDialog = lazy(() => import('./PushDialog').then((module) => ({ default: module.PushDialog })));
const CreateImageDialog = lazy(() => import('./CreateImageDialog').then((module) => ({ default: module.CreateImageDialog })));

/** All images that the reader has a right on. */
export function ImagesPage() {
  const t = imagesTexts.use();
  const [open, setOpen] = useState<'push' | 'create' | null>(null);
  const close = () => setOpen(null);
  return (
    <Page
      title={t.title}
      intro={t.intro}
      actions={
        <>
          <Button variant="default" leftSection={<Plus size={16} aria-hidden />} onClick={() => setOpen('create')}>
            {t.create}
          </Button>
          <Button variant="default" leftSection={<Terminal size={16} aria-hidden />} onClick={() => setOpen('push')}>
            {t.uploadClient}
          </Button>
          <Button component={Link} to="/uploads" leftSection={<Upload size={16} aria-hidden />}>
            {t.upload}
          </Button>
        </>
      }
    >
      <ImageList empty={<FirstSteps onPush={() => setOpen('push')} />} />
      <Suspense fallback={null}>
        {open === 'push' && <PushDialog onClose={close} />}
        {open === 'create' && <CreateImageDialog onClose={close} />}
      </Suspense>
    </Page>
  );
}
