import { Tooltip } from '@mantine/core';
import { shortDigest } from '../../app/format';
import './files.css';
import { filesTexts } from './texts';

/** The layer that something is from, by its number, in the colour that it has in the strip. */
export function LayerBadge({ digest, layers }: { digest: string; layers: string[] }) {
  const t = filesTexts.use();
  const index = layers.indexOf(digest);
  const label = index < 0 ? shortDigest(digest) : t.layerNumber(index + 1);
  return (
    <Tooltip label={`${label} · ${shortDigest(digest)}`}>
      <span className="layer-badge" tabIndex={0} aria-label={label}>
        <span aria-hidden className="layer-dot" style={{ background: `var(--c${(Math.max(index, 0) % 8) + 1})` }} />
        {index < 0 ? '–' : index + 1}
      </span>
    </Tooltip>
  );
}
