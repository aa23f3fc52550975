import { Autocomplete } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type Place, tagNamesQuery } from './api';

/** A tag of an image, typed or chosen. */
export function TagChoice({ of, value, onChange, label, error }: { of: Place; value: string; onChange: (tag: string) => void; label: string; error?: string | undefined }) {
  const [text] = useDebouncedValue(value.trim(), 200);
  const tags = useQuery(tagNamesQuery(of, text)).data ?? [];
  return (
    <Autocomplete
      label={label}
      error={error}
      value={value}
      onChange={onChange}
      // One that is typed out needs no list over what is below.
      data={tags.filter((tag) => tag !== value.trim())}
      // The server has filtered already.
      filter={({ options }) => options}
      limit={20}
      maxDropdownHeight={220}
      autoComplete="off"
    />
  );
}
