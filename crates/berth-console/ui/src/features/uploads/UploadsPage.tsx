import { Button, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Terminal, Upload as UploadIcon } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { api, data } from '../../api/client';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { DropPanel } from './DropPanel';
import { useUploads } from './queue';
import { uploadTexts } from './texts';
import { UploadRow } from './UploadRow';

const ClientDialog = lazy(() => import('./ClientDialog').then((module) => ({ default: module.ClientDialog })));

/** Files of saved images: chosen here, sent while one browses, followed to their end. */
export function UploadsPage() {
  const t = uploadTexts.use();
  const [client, setClient] = useState(false);
  const items = useUploads();
  const limits = useQuery({
    queryKey: ['uploads', 'limits'],
    queryFn: () => data(api.GET('/v2/manage/archives', { params: { query: { limit: 1 } } })),
    select: (page) => page.limits,
  });
  return (
    <Page
      title={t.title}
      intro={t.intro}
      actions={
        <Button variant="default" leftSection={<Terminal size={16} aria-hidden />} onClick={() => setClient(true)}>
          {t.client.button}
        </Button>
      }
    >
      <Ask query={limits}>{(found) => <DropPanel limits={found} />}</Ask>
      <Panel title={t.list} flush={items.length > 0}>
        {items.length === 0 ? (
          <Empty icon={UploadIcon} title={t.empty}>
            {t.emptyHelp}
          </Empty>
        ) : (
          <Stack gap={0} component="ul" className="uploads" aria-label={t.list}>
            {items.map((item) => (
              <UploadRow key={item.key} item={item} />
            ))}
          </Stack>
        )}
      </Panel>
      <Suspense fallback={null}>{client && <ClientDialog onClose={() => setClient(false)} />}</Suspense>
    </Page>
  );
}
