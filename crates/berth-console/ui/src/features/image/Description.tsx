import { Button } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { FileText, Pencil } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { ActionButton } from '../../components/ActionButton';
import { Empty } from '../../components/Empty';
import { Rows } from '../../components/PageSkeleton';
import { Panel } from '../../components/Panel';
import { imagesTexts } from '../images/texts';
import { allows, type ImagePanelProps } from './panel';
import { imageQuery } from './useImage';

const EditImageDialog = lazy(() => import('./EditImageDialog').then((module) => ({ default: module.EditImageDialog })));
const Markdown = lazy(() => import('./Markdown').then((module) => ({ default: module.Markdown })));

/** What an image's people say of it, in Markdown. */
export function Description({ org, image, right }: ImagePanelProps) {
  const t = imagesTexts.use();
  const { description } = useSuspenseQuery(imageQuery(org, image)).data;
  const [editing, setEditing] = useState(false);
  const writes = allows(right, 'write');
  const edit = () => setEditing(true);
  return (
    <>
      {description === '' ? (
        <Panel>
          <Empty icon={FileText} title={t.description.none} action={writes ? <Button onClick={edit}>{t.description.add}</Button> : undefined}>
            {writes ? t.description.noneHelp : undefined}
          </Empty>
        </Panel>
      ) : (
        <Panel
          title={t.edit.description}
          actions={
            writes && (
              <ActionButton size="xs" variant="default" leftSection={<Pencil size={14} aria-hidden />} onClick={edit}>
                {t.description.edit}
              </ActionButton>
            )
          }
        >
          <Suspense fallback={<Rows count={4} />}>
            <Markdown text={description} />
          </Suspense>
        </Panel>
      )}
      {editing && (
        <Suspense fallback={null}>
          <EditImageDialog org={org} image={image} onClose={() => setEditing(false)} />
        </Suspense>
      )}
    </>
  );
}
