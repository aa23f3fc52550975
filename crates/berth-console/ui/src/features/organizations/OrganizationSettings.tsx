import { Checkbox, Group, NumberInput, Progress, Select, SimpleGrid, Text } from '@mantine/core';
import '@mantine/core/styles/NumberInput.layer.css';
import '@mantine/core/styles/Progress.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Pencil, Trash2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { api, data } from '../../api/client';
import { bytes } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { FormDialog } from '../../components/FormDialog';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import type { Right } from '../image/panel';
import { may } from '../images/list';
import { DeleteOrganizationDialog } from './DeleteOrganizationDialog';
import { useOrganizationLedger } from './list';
import { organizationsTexts } from './texts';

/** What an organization may hold, and its end. */
export function OrganizationSettings({ org, right }: { org: string; right: Right | undefined }) {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Storage org={org} />
      <Panel title={t.delete.title}>
        <Text size="sm" c="dimmed" mb="md">
          {t.delete.help}
        </Text>
        <ActionButton
          color="red"
          variant="light"
          leftSection={<Trash2 size={16} aria-hidden />}
          reason={may(right, 'manage') ? undefined : frame.needs.manage}
          onClick={() => setDeleting(true)}
        >
          {t.delete.action}
        </ActionButton>
      </Panel>
      {deleting && <DeleteOrganizationDialog org={org} onClose={() => setDeleting(false)} onDone={() => void navigate({ to: '/organizations' })} />}
    </SimpleGrid>
  );
}

function Storage({ org }: { org: string }) {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  const { administrator } = useSession();
  const [editing, setEditing] = useState(false);
  const ledger = useOrganizationLedger(org);
  const quota = useQuery({
    queryKey: ['organization', org, 'quota'],
    queryFn: () => data(api.GET('/v2/manage/namespaces/{namespace}/quotas', { params: { path: { namespace: org } } })),
    placeholderData: undefined,
  });
  return (
    <Panel
      title={t.storage.title}
      actions={
        <ActionButton
          size="xs"
          variant="default"
          leftSection={<Pencil size={14} aria-hidden />}
          reason={administrator ? undefined : frame.needs.administrator}
          onClick={() => setEditing(true)}
        >
          {t.storage.change}
        </ActionButton>
      }
    >
      <Ask query={quota} rows={2}>
        {(answer) => {
          const limit = answer.bytes ?? null;
          const used = answer.used_bytes ?? ledger.data?.held_bytes ?? 0;
          return (
            <>
              {limit === null ? (
                <Fact label={t.storage.quota}>{t.storage.noQuota}</Fact>
              ) : (
                <>
                  <Fact label={t.storage.quota}>{t.storage.used(bytes(used), bytes(limit))}</Fact>
                  <Progress
                    value={limit === 0 ? 100 : Math.min((used / limit) * 100, 100)}
                    color={used >= limit * 0.9 ? 'orange' : 'tide'}
                    aria-label={t.storage.used(bytes(used), bytes(limit))}
                    my={6}
                  />
                </>
              )}
              {ledger.data !== undefined && ledger.data !== null && (
                <>
                  <Fact label={t.storage.holds}>{bytes(ledger.data.held_bytes)}</Fact>
                  <Fact label={t.storage.saved}>{bytes(Math.max(ledger.data.held_bytes - ledger.data.blob_bytes - ledger.data.manifest_bytes, 0))}</Fact>
                  <Fact label={t.storage.alone}>{bytes(ledger.data.exclusive_bytes)}</Fact>
                </>
              )}
              {editing && <QuotaDialog org={org} limit={limit} onClose={() => setEditing(false)} />}
            </>
          );
        }}
      </Ask>
    </Panel>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Group justify="space-between" gap="md" py={4}>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text size="sm" className="tabular">
        {children}
      </Text>
    </Group>
  );
}

const UNITS = { MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };
type Unit = keyof typeof UNITS;

/** The largest unit in which a number of bytes is a whole number. */
function whole(limit: number): { amount: number; unit: Unit } {
  const unit = (['TiB', 'GiB'] as const).find((one) => limit > 0 && limit % UNITS[one] === 0) ?? 'MiB';
  return { amount: Math.max(1, Math.ceil(limit / UNITS[unit])), unit };
}

function QuotaDialog({ org, limit, onClose }: { org: string; limit: number | null; onClose: () => void }) {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const start = limit === null ? { amount: 10, unit: 'GiB' as const } : whole(limit);
  const [limited, setLimited] = useState(limit !== null);
  const [amount, setAmount] = useState<string | number>(start.amount);
  const [unit, setUnit] = useState<Unit>(start.unit);
  const good = typeof amount === 'number' && Number.isInteger(amount) && amount >= 1;
  const asked = useMutation({
    mutationFn: () =>
      api.PUT('/v2/manage/namespaces/{namespace}/quotas', {
        params: { path: { namespace: org } },
        body: { bytes: limited ? Number(amount) * UNITS[unit] : null },
      }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['organization', org] });
      notify.done(t.storage.changed(org));
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.storage.edit}
      submit={frame.save}
      pending={asked.isPending}
      error={asked.error}
      blocked={limited && !good}
      onSubmit={(event) => {
        event.preventDefault();
        asked.mutate();
      }}
    >
      <Text size="sm" c="dimmed">
        {t.storage.help}
      </Text>
      <Checkbox label={t.storage.limit} checked={limited} onChange={(event) => setLimited(event.currentTarget.checked)} />
      {limited && (
        <Group align="flex-start" gap="xs">
          <NumberInput
            label={t.storage.amount}
            value={amount}
            onChange={setAmount}
            min={1}
            allowDecimal={false}
            allowNegative={false}
            error={good ? undefined : t.storage.whole}
            w={160}
          />
          <Select label={t.storage.unit} data={Object.keys(UNITS)} value={unit} onChange={(next) => setUnit((next ?? 'GiB') as Unit)} allowDeselect={false} w={100} />
        </Group>
      )}
    </FormDialog>
  );
}
