import { Badge, Group, Text, Tooltip } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { bytes } from '../../app/format';
import { Digest } from '../../components/Digest';
import { LayerStrip } from '../../components/LayerStrip';
import { artifactName } from './kinds';
import type { TagRow } from './tags';
import { tagTexts } from './texts';

/** How many names of a list are shown before they are counted. */
const SHOWN = 2;

/** A tag's name, what is to be known of it at once, and which image it names. */
export function TagCell({ org, image, row, same }: { org: string; image: string; row: TagRow; same: string[] }) {
  const t = tagTexts.use();
  const { facts } = row;
  return (
    <div style={{ minWidth: 0 }}>
      <Group gap={6}>
        <Link to="/images/$org/$image/tags/$tag" params={{ org, image, tag: row.tag }} className="row-link" title={row.tag} aria-label={row.tag}>
          {shortened(row.tag)}
        </Link>
        {row.immutable && (
          <Tooltip label={t.badge.immutableHelp}>
            <Badge variant="light" color="gray" size="sm" tt="none" tabIndex={0} leftSection={<Lock size={10} aria-hidden />}>
              {t.badge.immutable}
            </Badge>
          </Tooltip>
        )}
        {facts?.kind === 'artifact' && (
          <Badge variant="light" color="violet" size="sm" tt="none">
            {artifactName(facts.type, t)}
          </Badge>
        )}
      </Group>
      <Group gap={6}>
        <Text size="xs" c="dimmed" component="span">
          <Digest digest={row.digest} />
        </Text>
        {same.length > 0 && (
          <Text size="xs" c="dimmed" component="span">
            {t.sameAs(same.slice(0, SHOWN).map(shortened).join(', '), Math.max(same.length - SHOWN, 0))}
          </Text>
        )}
      </Group>
    </div>
  );
}

/** Tags that signatures have by convention are a whole digest; its beginning is enough. */
function shortened(tag: string): string {
  return tag.replace(/^(sha\d+-[0-9a-f]{12})[0-9a-f]{20,}/, '$1…');
}

/** Platforms, the first of them by name. */
export function Platforms({ platforms }: { platforms: string[] }) {
  if (platforms.length === 0) return <Text c="dimmed">–</Text>;
  const rest = platforms.slice(SHOWN);
  return (
    <Group gap={4}>
      {platforms.slice(0, SHOWN).map((platform) => (
        <Badge key={platform} variant="default" size="sm" tt="none" fw={500}>
          {platform.replace(/^linux\//, '')}
        </Badge>
      ))}
      {rest.length > 0 && (
        <Tooltip label={platforms.join(', ')}>
          <Badge variant="default" size="sm" tt="none" fw={500} tabIndex={0}>
            {`+${rest.length}`}
          </Badge>
        </Tooltip>
      )}
    </Group>
  );
}

/** The layers of a tag to scale, beside the other tags. */
export function LayersCell({ row, elsewhere }: { row: TagRow; elsewhere: (digest: string) => boolean }) {
  const t = tagTexts.use();
  const layers = (row.facts?.layers ?? []).map((layer) => ({ ...layer, shared: elsewhere(layer.digest) }));
  if (layers.length === 0) return <Text c="dimmed">–</Text>;
  const sum = (some: { size: number }[]) => some.reduce((total, layer) => total + layer.size, 0);
  const own = bytes(sum(layers.filter((layer) => !layer.shared)));
  return <LayerStrip layers={layers} width={140} label={t.layersOf(row.tag, layers.length, bytes(sum(layers)), own)} />;
}
