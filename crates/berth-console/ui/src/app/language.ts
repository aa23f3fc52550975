import { useSyncExternalStore } from 'react';

/** A language of the console. */
export type Language = 'en' | 'zh';

const KEY = 'berth-language';
const listeners = new Set<() => void>();
let current: Language = initial();

function initial(): Language {
  const asked = new URLSearchParams(location.search).get('lang') ?? stored() ?? navigator.language;
  return asked.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** The language in force, outside of components. */
export function language(): Language {
  return current;
}

/** Changes the language of the whole console, and keeps it for the next visit. */
export function setLanguage(next: Language): void {
  current = next;
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage may be forbidden; the choice holds until the page is left.
  }
  for (const listener of listeners) listener();
}

/** The language in force. */
export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
