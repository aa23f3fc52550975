import { useTimeout } from '@mantine/hooks';
import { useState } from 'react';

/** Copies texts, and tells for a moment that it did. */
export function useCopy(): { copied: boolean; copy: (text: string, near: HTMLElement) => void } {
  const [copied, setCopied] = useState(false);
  const { start } = useTimeout(() => setCopied(false), 1500);
  const told = () => {
    setCopied(true);
    start();
  };
  const copy = (text: string, near: HTMLElement) => {
    // Browsers keep the clipboard from pages on plain http addresses other than this machine's.
    if (globalThis.isSecureContext) void navigator.clipboard.writeText(text).then(told);
    else if (copySelected(text, near)) told();
  };
  return { copied, copy };
}

/** The old way, by a selection; beside the button, because a dialog keeps the focus inside itself. */
function copySelected(text: string, near: HTMLElement): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.setAttribute('aria-hidden', 'true');
  area.style.cssText = 'position:fixed;top:0;left:0;opacity:0';
  near.after(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  near.focus();
  return copied;
}
