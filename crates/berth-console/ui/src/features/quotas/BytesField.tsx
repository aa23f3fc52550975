import { Group, Select, TextInput } from '@mantine/core';
import { inUnit, type Unit, UNITS } from './api';
import { quotaTexts } from './texts';

/** Bytes as somebody types them. */
export interface Amount {
  text: string;
  unit: Unit;
}

/** The number that was typed; `null` for nothing, `undefined` for what is no number. */
export function parsed(text: string): number | null | undefined {
  if (text.trim() === '') return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** The bytes that were typed, whole. */
export function bytesOf({ text, unit }: Amount): number | null | undefined {
  const value = parsed(text);
  return typeof value === 'number' ? Math.round(value * UNITS[unit]) : value;
}

/** A number of bytes as a form begins with it. */
export function amountOf(bytes: number | null | undefined): Amount {
  if (bytes === null || bytes === undefined) return { text: '', unit: 'GiB' };
  const { amount, unit } = inUnit(bytes);
  return { text: String(amount), unit };
}

/** A number of bytes with its unit; empty for none, which `help` says. `problem`: why the number will not do. */
export function BytesField({ label, help, problem, value, onChange }: { label: string; help?: string; problem?: string | undefined; value: Amount; onChange: (amount: Amount) => void }) {
  const t = quotaTexts.use();
  return (
    <Group align="flex-start" gap="xs" wrap="nowrap">
      <TextInput
        label={label}
        description={help ?? t.emptyIsNone}
        inputMode="decimal"
        value={value.text}
        onChange={(event) => onChange({ ...value, text: event.currentTarget.value })}
        error={parsed(value.text) === undefined ? t.whole : problem}
        style={{ flex: 1 }}
      />
      <Select
        label={t.unit}
        description={'\u00a0'}
        data={Object.keys(UNITS)}
        value={value.unit}
        onChange={(unit) => onChange({ ...value, unit: unit === 'MiB' || unit === 'TiB' ? unit : 'GiB' })}
        allowDeselect={false}
        w={100}
      />
    </Group>
  );
}
