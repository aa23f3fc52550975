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
  const copy = (text: string, near: HTMLElement) => void copyText(text, near).then((copied) => copied && told());
  return { copied, copy };
}

/** Copies a text; answers whether that went well. */
export async function copyText(text: string, near: HTMLElement): Promise<boolean> {
  // Browsers keep the clipboard from pages on plain http addresses other than this machine's.
  if (!globalThis.isSecureContext) return copySelected(text, near);
  await navigator.clipboard.writeText(text);
  return true;
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
