import { ActionIcon, Tooltip } from '@mantine/core';
import { Check, Copy as CopyIcon } from 'lucide-react';
import { frameTexts } from '../app/texts.frame';
import { useCopy } from './useCopy';

/** A button that copies a text; `what` names it for those who do not see beside what it stands. */
export function Copy({ text, what }: { text: string; what: string }) {
  const t = frameTexts.use();
  const { copied, copy } = useCopy();
  const label = copied ? t.copied : t.copyOf(what);
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color={copied ? 'teal' : 'gray'} size="sm" aria-label={label} onClick={(event) => copy(text, event.currentTarget)}>
        {copied ? <Check size={14} aria-hidden /> : <CopyIcon size={14} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}
