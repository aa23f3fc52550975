import { Alert, Badge, Group, Stack, Text } from '@mantine/core';
import { bytes } from '../../app/format';
import { Digest } from '../../components/Digest';
import { LayerStrip } from '../../components/LayerStrip';
import './compare.css';
import type { Comparison, Pair } from './queries';
import { compareTexts } from './texts';

/** How large both are, and their layers to the same scale: pale ones are in both. */
export function Summary({ pair, compared }: { pair: Pair; compared: Comparison }) {
  const t = compareTexts.use();
  const { first, second } = compared;
  const longest = Math.max(first.size, second.size, 1);
  const difference = second.size - first.size;
  const of = (side: 'first' | 'second') => compared.layers.filter((layer) => layer.side === side || layer.side === 'both');
  const sum = (layers: { size: number }[]) => layers.reduce((total, layer) => total + layer.size, 0);
  const common = compared.layers.filter((layer) => layer.side === 'both');
  const remarks = [...first.remarks, ...second.remarks];
  const rows = [
    { name: pair.a, one: first, layers: of('first'), own: compared.layers.filter((layer) => layer.side === 'first') },
    { name: pair.b, one: second, layers: of('second'), own: compared.layers.filter((layer) => layer.side === 'second') },
  ];
  return (
    <section className="panel" aria-label={t.title}>
      <Stack className="panel-body" gap="md">
        {rows.map(({ name, one, layers, own }, index) => (
          <Stack key={index} gap={6}>
            <Group justify="space-between" gap="xs">
              <Group gap="xs">
                <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
                  {name}
                </Text>
                {one.image != null && <Digest digest={one.image} />}
                {one.platform != null && (
                  <Badge variant="light" color="gray" tt="none">
                    {one.platform}
                  </Badge>
                )}
              </Group>
              <Group gap="xs" className="tabular">
                {index === 1 && difference !== 0 && (
                  <Badge variant="light" color={difference > 0 ? 'yellow' : 'teal'} tt="none">
                    {difference > 0 ? t.bigger(bytes(difference)) : t.smaller(bytes(-difference))}
                  </Badge>
                )}
                {index === 1 && difference === 0 && <Badge variant="light" color="gray" tt="none">{t.alike}</Badge>}
                <Text fw={600}>{bytes(one.size)}</Text>
              </Group>
            </Group>
            {one.image == null ? (
              <Text size="sm" c="dimmed">
                {t.noImage}
              </Text>
            ) : (
              <>
                <div className="compare-strip" style={{ width: `${Math.max((100 * one.size) / longest, 2)}%` }}>
                  <LayerStrip layers={layers.map((layer) => ({ ...layer, shared: layer.side === 'both' }))} label={t.strip(name, layers.length)} width={1000} />
                </div>
                <Text size="xs" c="dimmed" className="tabular">
                  {t.layersInCommon(common.length, bytes(sum(common)))} · {t.layersOnly(own.length, bytes(sum(own)))}
                </Text>
              </>
            )}
          </Stack>
        ))}
        {remarks.length > 0 && (
          <Alert variant="light" color="yellow">
            {remarks.map((remark, index) => (
              <Text key={index} size="sm" style={{ overflowWrap: 'anywhere' }}>
                {remark}
              </Text>
            ))}
          </Alert>
        )}
      </Stack>
    </section>
  );
}
