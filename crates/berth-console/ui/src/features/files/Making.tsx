import { Group, Progress, Stack, Text, Title } from '@mantine/core';
import '@mantine/core/styles/Progress.layer.css';
import { bytes } from '../../app/format';
import { Digest } from '../../components/Digest';
import type { Pending } from './content';
import { filesTexts } from './texts';

/** How far the server is with reading the layers that a view needs. */
export function Making({ pending }: { pending: Pending }) {
  const t = filesTexts.use();
  const { layers } = pending;
  const done = layers.filter((layer) => layer.state === 'ready' || layer.state === 'failed').length;
  const all = layers.reduce((sum, layer) => sum + layer.size, 0);
  const read = layers.reduce((sum, layer) => sum + (layer.state === 'failed' ? layer.size : Math.min(layer.read ?? 0, layer.size)), 0);
  return (
    <div className="panel">
      <Stack className="panel-body" gap="sm">
        <Title order={2}>{t.making.title}</Title>
        <Text size="sm" c="dimmed">
          {t.making.help}
        </Text>
        <Progress.Root size="lg">
          <Progress.Section value={all === 0 ? 0 : (100 * read) / all} aria-label={t.making.title} />
        </Progress.Root>
        <Text size="sm" className="tabular" role="status">
          {t.making.progress(done, layers.length)} · {t.making.of(bytes(read), bytes(all))}
        </Text>
        <Stack gap={4}>
          {layers.map((layer, index) => (
            <Group key={`${layer.digest}-${index}`} gap="sm" wrap="nowrap" justify="space-between">
              <Digest digest={layer.digest} />
              <Text size="sm" c="dimmed" className="tabular" ta="end">
                {layer.state === 'making' && layer.read != null ? t.making.of(bytes(layer.read), bytes(layer.size)) : `${bytes(layer.size)} · ${t.making.state[layer.state]}`}
              </Text>
            </Group>
          ))}
        </Stack>
      </Stack>
    </div>
  );
}
