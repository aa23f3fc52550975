import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { tagsLike } from './queries';
import { compareTexts } from './texts';

/** A version of an image, found by a part of its name; the server searches. */
export function TagChoice({ label, org, image, value, onChange }: { label: string; org: string; image: string; value: string; onChange: (tag: string) => void }) {
  const t = compareTexts.use();
  const [text, setText] = useState(value);
  const [wanted] = useDebouncedValue(text === value ? '' : text, 200);
  const tags = useQuery({ ...tagsLike(org, image, wanted), placeholderData: keepPreviousData }).data ?? [];
  const options = value === '' || tags.includes(value) ? tags : [value, ...tags];
  return (
    <Select
      label={label}
      searchable
      data={options}
      // The server has searched already.
      filter={({ options: all }) => all}
      value={value === '' ? null : value}
      searchValue={text}
      onSearchChange={setText}
      onChange={(next) => next !== null && onChange(next)}
      nothingFoundMessage={t.noTag}
      allowDeselect={false}
      maxDropdownHeight={320}
      w={{ base: '100%', xs: 240 }}
    />
  );
}
