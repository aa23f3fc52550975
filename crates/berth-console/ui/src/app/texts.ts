import { use } from 'react';
import { type Language, language, useLanguage } from './language';

/** The same keys with any words: a missing or a misspelt key of a translation does not compile. */
export type Translated<T> = {
  [K in keyof T]: T[K] extends (...words: infer A) => string
    ? (...words: A) => string
    : T[K] extends string
      ? string
      : Translated<T[K]>;
};

/** The texts of one area of the console. */
export interface Texts<T> {
  /** The texts in the language in force; loads them first when they are not there yet (Suspense). */
  use(): T;
  /** The same outside of components; English until the other language has been loaded, which this begins. */
  now(): T;
  /** Loads what the language in force needs, so that `now` has it. */
  load(): Promise<void>;
}

/**
 * Texts of an area: English is in its chunk, Chinese is loaded when it is wanted. Values are strings, or functions of what
 * they name: `tags: (n: number) => `${n} tags``.
 */
export function defineTexts<T extends object>(
  english: T,
  chinese: () => Promise<{ default: Translated<T> }>,
): Texts<T> {
  let loading: Promise<T> | null = null;
  let loaded: T | null = null;
  const load = () => {
    loading ??= chinese().then((module) => {
      loaded = module.default as T;
      return loaded;
    });
    return loading;
  };
  const of = (wanted: Language): T => {
    if (wanted === 'en') return english;
    void load();
    return loaded ?? english;
  };
  return {
    use() {
      const wanted = useLanguage();
      if (wanted === 'en') return english;
      // Also once they are there: React wants `use` to be called again by who suspended in it.
      return use(load());
    },
    now: () => of(language()),
    load: async () => {
      if (language() !== 'en') await load();
    },
  };
}
