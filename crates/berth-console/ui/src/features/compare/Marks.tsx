import { Badge } from '@mantine/core';
import { Equal, Minus, Pencil, Plus } from 'lucide-react';
import type { Change } from './queries';
import { compareTexts } from './texts';

const LOOKS = {
  added: { color: 'teal', icon: Plus },
  removed: { color: 'red', icon: Minus },
  changed: { color: 'yellow', icon: Pencil },
};

/** What became of something, as colour, sign and word. */
export function ChangeMark({ change }: { change: Change }) {
  const t = compareTexts.use();
  const { color, icon: Icon } = LOOKS[change];
  return (
    <Badge variant="light" color={color} tt="none" leftSection={<Icon size={11} aria-hidden />}>
      {t.change[change]}
    </Badge>
  );
}

/** Which of the two has something. */
export function SideMark({ side }: { side: 'both' | 'first' | 'second' }) {
  const t = compareTexts.use();
  const { color, icon: Icon } = side === 'both' ? { color: 'gray', icon: Equal } : side === 'first' ? LOOKS.removed : LOOKS.added;
  return (
    <Badge variant="light" color={color} tt="none" leftSection={<Icon size={11} aria-hidden />}>
      {t.side[side]}
    </Badge>
  );
}
