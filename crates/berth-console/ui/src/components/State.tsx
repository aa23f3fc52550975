import { Badge } from '@mantine/core';
import { CircleCheck, CircleSlash } from 'lucide-react';

/** Whether a thing works: a word with a sign, so that the colour is not alone. */
export function State({ on, label }: { on: boolean; label: string }) {
  const Icon = on ? CircleCheck : CircleSlash;
  return (
    <Badge variant="light" color={on ? 'teal' : 'gray'} leftSection={<Icon size={12} aria-hidden />} tt="none">
      {label}
    </Badge>
  );
}
