import { Badge, Group, Text, Tooltip } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { BadgeCheck, FileText, Lock } from 'lucide-react';
import { bytes } from '../../app/format';
import { Digest } from '../../components/Digest';
import { LayerStrip } from '../../components/LayerStrip';
import { Moment } from '../../components/Moment';
import { artifactName, isImageType } from './kinds';
import { shortTag } from './names';
import type { TagRow } from './tags';
import { tagTexts } from './texts';

/** How many names of a list are shown before they are counted. */
const SHOWN = 2;

/** A tag's name, what is to be known of it at once, and which image it names. */
export function TagCell({ org, image, row }: { org: string; image: string; row: TagRow }) {
  const t = tagTexts.use();
  return (
    <div style={{ minWidth: 0 }}>
      <Group gap={6}>
        <Link to="/images/$org/$image/tags/$tag" params={{ org, image, tag: row.tag }} className="row-link" title={row.tag} aria-label={row.tag}>
          {shortTag(row.tag)}
        </Link>
        <Marks row={row} />
      </Group>
      <Group gap={6}>
        <Text size="xs" c="dimmed" component="span">
          <Digest digest={row.digest} />
        </Text>
        {row.num_same_tags > 0 && (
          <Text size="xs" c="dimmed" component="span">
            {t.sameAs(row.same_tags.slice(0, SHOWN).map(shortTag).join(', '), Math.max(row.num_same_tags - SHOWN, 0))}
          </Text>
        )}
      </Group>
    </div>
  );
}

/** Signed, with a list of contents, immutable, no image. */
function Marks({ row }: { row: TagRow }) {
  const t = tagTexts.use();
  return (
    <>
      {!isImageType(row.artifact_type) && (
        <Badge variant="light" color="violet" size="sm" tt="none">
          {artifactName(row.artifact_type ?? undefined, t)}
        </Badge>
      )}
      {row.is_signed && (
        <Tooltip label={t.badge.signedHelp}>
          <Badge variant="light" color="teal" size="sm" tt="none" tabIndex={0} leftSection={<BadgeCheck size={11} aria-hidden />}>
            {t.badge.signed}
          </Badge>
        </Tooltip>
      )}
      {row.has_sbom && (
        <Tooltip label={t.badge.sbomHelp}>
          <Badge variant="light" color="blue" size="sm" tt="none" tabIndex={0} leftSection={<FileText size={10} aria-hidden />}>
            {t.badge.sbom}
          </Badge>
        </Tooltip>
      )}
      {row.immutable && (
        <Tooltip label={t.badge.immutableHelp}>
          <Badge variant="light" color="gray" size="sm" tt="none" tabIndex={0} leftSection={<Lock size={10} aria-hidden />}>
            {t.badge.immutable}
          </Badge>
        </Tooltip>
      )}
    </>
  );
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
  const layers = (row.layers ?? []).map((layer) => ({ ...layer, shared: elsewhere(layer.digest) }));
  if (layers.length === 0) return <Text c="dimmed">–</Text>;
  const sum = (some: { size: number }[]) => some.reduce((total, layer) => total + layer.size, 0);
  const own = bytes(sum(layers.filter((layer) => !layer.shared)));
  return <LayerStrip layers={layers} width={140} label={t.layersOf(row.tag, layers.length, bytes(sum(layers)), own)} />;
}

/** When a tag was pushed or moved last, and by whom. */
export function PushedCell({ row }: { row: TagRow }) {
  const t = tagTexts.use();
  return (
    <div>
      <Moment time={row.updated} />
      {row.pushed_by != null && (
        <Text size="xs" c="dimmed">
          {t.by(row.pushed_by)}
        </Text>
      )}
    </div>
  );
}
