import { Button, CloseButton, Group, Stack, Text } from '@mantine/core';
import { Download } from 'lucide-react';
import { basePath } from '../../api/base';
import { inPath } from '../../api/client';
import { bytes } from '../../app/format';
import { Ask } from '../../components/Ask';
import { Moment } from '../../components/Moment';
import { type FilePreview, keyOf, look, type Place, readFile, useLook } from './content';
import type { Shown } from './FilesView';
import { hexDump } from './hex';
import { Making } from './Making';
import { filesTexts } from './texts';

/** The beginning of a file beside the list. */
export function FilePane({ place, path, show }: { place: Place; path: string; show: (next: Partial<Shown>) => void }) {
  const t = filesTexts.use();
  const preview = useLook<FilePreview>(keyOf(place, 'file', path), () => look(readFile(place, path)));
  const name = path.slice(path.lastIndexOf('/') + 1);
  return (
    <section className="panel file-preview" aria-label={t.preview}>
      <Stack className="panel-body" gap="sm">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Text>
          <CloseButton aria-label={t.closePreview} onClick={() => show({ file: '' })} />
        </Group>
        <Ask query={preview} rows={5}>
          {(answer) =>
            answer.pending !== null ? <Making pending={answer.pending} /> : <Content place={place} path={path} preview={answer.found} show={show} />
          }
        </Ask>
      </Stack>
    </section>
  );
}

function Content({ place, path, preview, show }: { place: Place; path: string; preview: FilePreview; show: (next: Partial<Shown>) => void }) {
  const t = filesTexts.use();
  const { file } = preview;
  const isFile = file.kind === 'file' || file.kind === 'hardlink';
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text size="sm" c="dimmed" component="div">
          {t.kind[file.kind]}
          {isFile && ` · ${bytes(file.size)}`} · <code>{file.mode}</code> · <Moment time={file.modified} />
        </Text>
        {isFile && (
          <Button component="a" href={downloadOf(place, path)} size="xs" variant="default" leftSection={<Download size={14} aria-hidden />}>
            {t.download}
          </Button>
        )}
      </Group>
      {file.kind === 'symlink' && <Link file={file.link ?? ''} leadsTo={preview.leads_to} show={show} />}
      {preview.encoding === 'text' && <pre className="file-content" tabIndex={0}>{preview.content}</pre>}
      {preview.encoding === 'hex' && (
        <>
          <Text size="sm">{t.binary}</Text>
          <pre className="file-content" tabIndex={0}>{hexDump(preview.content)}</pre>
        </>
      )}
      {preview.encoding === 'none' && file.kind !== 'symlink' && (
        <Text size="sm" c="dimmed">
          {isFile ? t.emptyFile : t.noFile}
        </Text>
      )}
      {!preview.whole && (
        <Text size="sm" c="dimmed">
          {t.cut}
        </Text>
      )}
    </>
  );
}

function Link({ file, leadsTo, show }: { file: string; leadsTo: string | null | undefined; show: (next: Partial<Shown>) => void }) {
  const t = filesTexts.use();
  return (
    <Stack gap={4}>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {t.says} <code>{file}</code>
      </Text>
      {leadsTo == null ? (
        <Text size="sm" c="dimmed">
          {t.leadsNowhere}
        </Text>
      ) : (
        <Group gap="xs">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {t.leadsTo} <code>{leadsTo === '' ? '/' : leadsTo}</code>
          </Text>
          <Button size="compact-xs" variant="default" onClick={() => show({ path: leadsTo.split('/').slice(0, -1).join('/'), file: leadsTo, text: '' })}>
            {t.open}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** Where a file is had whole; the server sends it as something to be kept. */
function downloadOf({ org, image, reference, platform, layer }: Place, path: string): string {
  const query = new URLSearchParams({ path });
  if (platform !== undefined) query.set('platform', platform);
  if (layer !== undefined) query.set('layer', layer);
  const names = [org, inPath(image), reference].map(encodeURIComponent);
  return `${basePath}/v2/manage/namespaces/${names[0]}/repos/${names[1]}/contents/${names[2]}/download?${query}`;
}
