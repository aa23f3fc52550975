import { Group, Select, TextInput } from '@mantine/core';
import { FilterInput } from '../../components/FilterInput';
import type { AuditFilter } from './api';
import { auditTexts } from './texts';

/** What is asked of the trail; all of it stands in the address. */
export function AuditFilters({ filter, onChange }: { filter: AuditFilter; onChange: (part: AuditFilter) => void }) {
  const t = auditTexts.use();
  return (
    <Group gap="sm" align="flex-end">
      <FilterInput label={t.user} value={filter.user ?? ''} onChange={(user) => onChange({ user })} />
      <FilterInput label={t.action} value={filter.action ?? ''} onChange={(action) => onChange({ action })} />
      <FilterInput label={t.resource} value={filter.resource ?? ''} onChange={(resource) => onChange({ resource })} />
      <Select
        label={t.result}
        placeholder={t.any}
        data={[
          { value: 'success', label: t.success },
          { value: 'refused', label: t.refused },
        ]}
        value={filter.result ?? null}
        onChange={(result) => onChange({ result: result ?? '' })}
        clearable
        w={150}
      />
      <When label={t.from} value={filter.from ?? ''} onChange={(from) => onChange({ from })} />
      <When label={t.to} value={filter.to ?? ''} onChange={(to) => onChange({ to })} />
    </Group>
  );
}

/** A time in the reader's zone, by the browser's own picker. */
function When({ label, value, onChange }: { label: string; value: string; onChange: (local: string) => void }) {
  return <TextInput type="datetime-local" label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)} w={200} />;
}
