import { CloseButton, TextInput } from '@mantine/core';
import { useDebouncedCallback, useHotkeys } from '@mantine/hooks';
import { Search } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { frameTexts } from '../app/texts.frame';

/** A filter as one types; `onChange` hears of it when one pauses. `/` leads to it from anywhere on the page. */
export function FilterInput({ value, onChange, label }: { value: string; onChange: (text: string) => void; label?: string }) {
  const t = frameTexts.use();
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback(onChange, 200);
  useEffect(() => setText(value), [value]);
  const field = useRef<HTMLInputElement>(null);
  useHotkeys([['/', () => field.current?.focus()]]);
  const change = (next: string) => {
    setText(next);
    tell(next);
  };
  return (
    <TextInput
      type="search"
      aria-label={label ?? t.filter}
      placeholder={label ?? t.filter}
      ref={field}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
      leftSection={<Search size={15} aria-hidden />}
      rightSection={text === '' ? null : <CloseButton size="sm" aria-label={t.clearFilter} onClick={() => change('')} />}
      w={{ base: '100%', xs: 260 }}
    />
  );
}
