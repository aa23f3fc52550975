import { ActionIcon, Group, Stack, Text, Tooltip } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Ban, Pencil, Plus, RefreshCw, RotateCw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { relative } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf, useOffsetRows } from '../../components/rows';
import { allows, type ImagePanelProps } from '../image/panel';
import { cancelCopy, type Copy, destinationsQuery, type Place, readCopies, removeRule, retryCopy, type Rule, rulesQuery } from './api';
import { CopyBadge, CopyProgress, span, StandingBadges } from './parts';
import { RuleDialog } from './RuleDialog';
import { SyncDialog } from './SyncDialog';
import { syncTexts } from './texts';

type Open = { what: 'add' | 'now' } | { what: 'edit' | 'remove'; rule: Rule };

/** Where an image is sent, how that stands, and every copy of it. Administrators of its account set it up. */
export function SyncPanel({ org, image, right }: ImagePanelProps) {
  const needs = frameTexts.use().needs;
  const session = useSession();
  const [open, setOpen] = useState<Open>();
  const of = { org, image };
  const mayChange = session.administrator && allows(right, 'manage');
  const reason = mayChange ? undefined : needs.administrator;
  const close = () => setOpen(undefined);
  return (
    <Stack gap="md">
      <Destinations of={of} reason={reason} onOpen={setOpen} />
      <Copies of={of} mayChange={mayChange} />
      {open?.what === 'add' && <RuleDialog of={of} onClose={close} />}
      {open?.what === 'edit' && (
        <RuleDialog of={of} start={{ region: open.rule.remoteRegionId, organization: open.rule.remoteNamespace, override: open.rule.override }} onClose={close} />
      )}
      <SyncDialog org={org} image={image} tags={[]} opened={open?.what === 'now'} onClose={close} />
      {open?.what === 'remove' && <Remove of={of} rule={open.rule} onClose={close} />}
    </Stack>
  );
}

const where = (rule: Rule) => `${rule.remoteRegionId} / ${rule.remoteNamespace}`;

function Remove({ of, rule, onClose }: { of: Place; rule: Rule; onClose: () => void }) {
  const t = syncTexts.use().remove;
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.title}
      goes={[t.goes(where(rule))]}
      stays={t.stays}
      confirm={t.confirm}
      run={() => removeRule(of, rule)}
      onDone={() => {
        done(t.done);
        void queries.invalidateQueries({ queryKey: ['sync'] });
      }}
    />
  );
}

function Destinations({ of, reason, onOpen }: { of: Place; reason: string | undefined; onOpen: (open: Open) => void }) {
  const t = syncTexts.use();
  const rules = useQuery(rulesQuery(of));
  const standings = useQuery(destinationsQuery(of)).data ?? [];
  const standing = (rule: Rule) => standings.find((one) => one.remoteRegionId === rule.remoteRegionId && one.remoteNamespace === rule.remoteNamespace);
  const add = (
    <ActionButton leftSection={<Plus size={15} aria-hidden />} reason={reason} onClick={() => onOpen({ what: 'add' })}>
      {t.add}
    </ActionButton>
  );
  const now = (
    <ActionButton variant="default" leftSection={<RefreshCw size={15} aria-hidden />} reason={reason} onClick={() => onOpen({ what: 'now' })}>
      {t.syncNow}
    </ActionButton>
  );
  return (
    <Panel
      title={t.automatic}
      actions={
        <Group gap="xs">
          {now}
          {(rules.data ?? []).length > 0 && add}
        </Group>
      }
      flush
    >
      <Text size="sm" c="dimmed" className="panel-head">
        {t.automaticHelp}
      </Text>
      <Ask query={rules}>
        {(found) => (
          <DataTable
            label={t.automatic}
            source={rowsOf(found)}
            rowKey={(rule) => String(rule.id)}
            columns={[
              { key: 'target', label: t.columns.target, cell: (rule) => <Text fw={600} size="sm">{where(rule)}</Text> },
              { key: 'override', label: t.columns.override, cell: (rule) => (rule.override ? t.overrides.yes : t.overrides.no) },
              { key: 'state', label: t.columns.state, cell: (rule) => <State standing={standing(rule)} /> },
              { key: 'behind', label: t.columns.behind, align: 'end', cell: (rule) => told(standing(rule)?.behindSeconds) },
              { key: 'last', label: t.columns.last, cell: (rule) => <Moment time={standing(rule)?.lastArrivalAt} /> },
              {
                key: 'actions',
                label: '',
                align: 'end',
                cell: (rule) =>
                  reason === undefined && (
                    <Group gap={2} wrap="nowrap" justify="flex-end">
                      <ActionIcon variant="subtle" color="gray" aria-label={t.remove.change(where(rule))} onClick={() => onOpen({ what: 'edit', rule })}>
                        <Pencil size={15} aria-hidden />
                      </ActionIcon>
                      <ActionIcon variant="subtle" color="red" aria-label={t.remove.action(where(rule))} onClick={() => onOpen({ what: 'remove', rule })}>
                        <Trash2 size={15} aria-hidden />
                      </ActionIcon>
                    </Group>
                  ),
              },
            ]}
            empty={
              <Empty icon={RefreshCw} title={t.noRule} action={add}>
                {t.noRuleHelp}
              </Empty>
            }
          />
        )}
      </Ask>
    </Panel>
  );
}

function State({ standing }: { standing: Parameters<typeof StandingBadges>[0]['standing'] | undefined }) {
  return standing === undefined ? <span>–</span> : <StandingBadges standing={standing} />;
}

const told = (seconds: number | null | undefined) => (seconds === null || seconds === undefined ? '–' : span(seconds));
const isOpen = (copy: Copy) => copy.status === 'waiting' || copy.status === 'running';

function Copies({ of, mayChange }: { of: Place; mayChange: boolean }) {
  const t = syncTexts.use();
  const rows = useOffsetRows<Copy>({
    key: ['sync', of.org, of.image, 'copies'],
    size: 50,
    read: (offset, limit) => readCopies(of, offset, limit),
    again: (copies) => copies.some(isOpen) && 1000,
  });
  return (
    <Panel title={t.copies} flush>
      <DataTable
        label={t.copies}
        source={rows}
        rowKey={(copy) => String(copy.id)}
        columns={[
          { key: 'tag', label: t.columns.tag, cell: (copy) => <code>{copy.tag}</code> },
          { key: 'target', label: t.columns.target, cell: (copy) => `${copy.remoteRegionId} / ${copy.remoteNamespace}` },
          { key: 'status', label: t.columns.status, cell: (copy) => <CopyBadge status={copy.status} /> },
          { key: 'progress', label: t.columns.progress, cell: (copy) => <CopyProgress copy={copy} /> },
          { key: 'detail', label: t.columns.detail, cell: (copy) => <CopyDetail copy={copy} /> },
          { key: 'lag', label: t.columns.lag, align: 'end', cell: (copy) => span(copy.lagSeconds) },
          { key: 'asked', label: t.columns.asked, cell: (copy) => copy.syncOperatorName || '–' },
          { key: 'created', label: t.columns.created, cell: (copy) => <Moment time={copy.createdAt} /> },
          ...(mayChange ? [{ key: 'actions', label: '', align: 'end' as const, cell: (copy: Copy) => <CopyAction of={of} copy={copy} /> }] : []),
        ]}
        empty={
          <Empty icon={RefreshCw} title={t.noCopies}>
            {t.noCopiesHelp}
          </Empty>
        }
      />
    </Panel>
  );
}

function CopyDetail({ copy }: { copy: Copy }) {
  const t = syncTexts.use();
  const next = copy.nextAttemptAt ?? null;
  const more = [...(copy.attempts > 1 ? [t.attempts(copy.attempts)] : []), ...(isOpen(copy) && next !== null ? [t.next(relative(next))] : [])];
  return (
    <Text size="sm" style={{ maxWidth: 320 }}>
      {copy.detail === '' && more.length === 0 ? '–' : [copy.detail, ...more].filter((word) => word !== '').join(' · ')}
    </Text>
  );
}

function CopyAction({ of, copy }: { of: Place; copy: Copy }) {
  const t = syncTexts.use();
  const queries = useQueryClient();
  const open = isOpen(copy);
  const act = useMutation({
    mutationFn: () => (open ? cancelCopy(of, copy.id) : retryCopy(of, copy.id)),
    onSuccess: () => {
      done(open ? t.cancelled : t.retried);
      return queries.invalidateQueries({ queryKey: ['sync'] });
    },
    onError: failed,
  });
  if (!open && !['failed', 'timeout', 'cancel'].includes(copy.status)) return null;
  const label = open ? t.cancel : t.retry;
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={`${label}: ${copy.tag}`} loading={act.isPending} onClick={() => act.mutate()}>
        {open ? <Ban size={15} aria-hidden /> : <RotateCw size={15} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}
