import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Gauge } from 'lucide-react';
import { useState } from 'react';
import { bytes, count } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { type AccountLimits, limitsQuery, setLimits, usedQuery } from './api';
import { type Amount, amountOf, BytesField, bytesOf, parsed } from './BytesField';
import { Meter } from './Meter';
import { quotaTexts } from './texts';

/** What the account may have, how much of it is used, and for the operator the way to change it. */
export function QuotasPanel() {
  const t = quotaTexts.use();
  const session = useSession();
  const used = useQuery(usedQuery(session.project_id));
  const limits = useQuery({ ...limitsQuery(session.domain_name), enabled: session.administrator });
  const [changing, setChanging] = useState(false);
  return (
    <Panel
      title={t.title}
      actions={
        limits.data !== undefined && (
          <Button variant="default" size="xs" leftSection={<Gauge size={14} aria-hidden />} onClick={() => setChanging(true)}>
            {t.change}
          </Button>
        )
      }
    >
      <Ask query={used} rows={2}>
        {(rows) => (
          <Stack gap="sm">
            {rows.map((row) => {
              const shown = (value: number) => (row.unit === 'byte' ? bytes(value) : count(value));
              return (
                <Meter
                  key={row.quota_key}
                  label={t.names[row.quota_key] ?? row.quota_key}
                  text={t.of(shown(row.used), shown(row.quota_limit))}
                  share={row.quota_limit > 0 ? row.used / row.quota_limit : 1}
                />
              );
            })}
          </Stack>
        )}
      </Ask>
      <Text size="sm" c="dimmed" mt="sm">
        {t.help}
      </Text>
      {changing && limits.data !== undefined && <AccountQuotasDialog limits={limits.data} onClose={() => setChanging(false)} />}
    </Panel>
  );
}

const COUNTS = ['namespace', 'repository', 'tag'] as const;

function AccountQuotasDialog({ limits, onClose }: { limits: AccountLimits; onClose: () => void }) {
  const t = quotaTexts.use();
  const frame = frameTexts.use();
  const session = useSession();
  const queries = useQueryClient();
  const [counts, setCounts] = useState(() => Object.fromEntries(COUNTS.map((key) => [key, limits[key]?.toString() ?? ''])));
  const [size, setSize] = useState<Amount>(() => amountOf(limits.bytes));
  const values = COUNTS.map((key) => [key, parsed(counts[key] ?? '')] as const);
  const wanted = bytesOf(size);
  const changed = useMutation({
    mutationFn: () => setLimits(session.domain_name, { ...Object.fromEntries(values), bytes: wanted ?? null }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['quotas'] });
      notify.done(t.changed);
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.changeAccount}
      submit={frame.save}
      pending={changed.isPending}
      error={changed.error}
      blocked={wanted === undefined || values.some(([, value]) => value === undefined || (value !== null && !Number.isInteger(value)))}
      onSubmit={(event) => {
        event.preventDefault();
        changed.mutate();
      }}
    >
      <Text size="sm" c="dimmed">
        {t.operatorOnly}
      </Text>
      {values.map(([key, value]) => (
        <TextInput
          key={key}
          label={t.limits[key]}
          description={t.emptyIsNone}
          inputMode="numeric"
          value={counts[key] ?? ''}
          onChange={(event) => setCounts({ ...counts, [key]: event.currentTarget.value })}
          error={value === undefined || (value !== null && !Number.isInteger(value)) ? t.whole : undefined}
        />
      ))}
      <BytesField label={t.limits.bytes} value={size} onChange={setSize} />
    </FormDialog>
  );
}
