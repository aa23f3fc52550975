import { ActionIcon, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { Check, Copy as CopyIcon } from 'lucide-react';
import { frameTexts } from '../app/texts.frame';

/** A button that copies a text; `what` names it for those who do not see beside what it stands. */
export function Copy({ text, what }: { text: string; what: string }) {
  const t = frameTexts.use();
  const clipboard = useClipboard({ timeout: 1500 });
  const label = clipboard.copied ? t.copied : t.copyOf(what);
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color={clipboard.copied ? 'teal' : 'gray'} size="sm" aria-label={label} onClick={() => clipboard.copy(text)}>
        {clipboard.copied ? <Check size={14} aria-hidden /> : <CopyIcon size={14} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}
