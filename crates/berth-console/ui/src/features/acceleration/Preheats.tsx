import { ActionIcon, Badge, Drawer, Group, Progress, Stack, Text, Tooltip, UnstyledButton } from '@mantine/core';
import '@mantine/core/styles/Drawer.layer.css';
import '@mantine/core/styles/Progress.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Ban, Flame, Plus } from 'lucide-react';
import { useState } from 'react';
import { count, shortDigest } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { Facts } from '../../components/Facts';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { labelsOf } from '../agents/agents';
import { cancelPreheat, type ImagePlace, isRunning, type Preheat, preheatQuery, preheatsQuery } from './api';
import { PreheatDialog } from './PreheatDialog';
import { accelerationTexts } from './texts';

const COLOR: Record<string, string> = { running: 'tide', complete: 'teal', failed: 'red', sent: 'tide' };

/** What nodes were told to have of an image, and whether they have it. */
export function Preheats({ of, mayWrite }: { of: ImagePlace; mayWrite: boolean }) {
  const t = accelerationTexts.use().preheats;
  const frame = frameTexts.use();
  const preheats = useQuery(preheatsQuery(of));
  const [open, setOpen] = useState<'add' | number>();
  const close = () => setOpen(undefined);
  const add = (
    <ActionButton leftSection={<Plus size={15} aria-hidden />} reason={mayWrite ? undefined : frame.needs.write} onClick={() => setOpen('add')}>
      {t.add}
    </ActionButton>
  );
  const columns: Column<Preheat>[] = [
    {
      key: 'tag',
      label: t.columns.tag,
      cell: (preheat) => (
        <UnstyledButton className="row-link" onClick={() => setOpen(preheat.id)}>
          {nameOf(preheat)}
        </UnstyledButton>
      ),
    },
    { key: 'nodes', label: t.columns.nodes, cell: (preheat) => <Labels preheat={preheat} /> },
    { key: 'state', label: t.columns.state, cell: (preheat) => <StateBadge state={preheat.state} words={t.states} /> },
    { key: 'progress', label: t.columns.progress, width: 190, cell: (preheat) => <Have preheat={preheat} /> },
    { key: 'by', label: t.columns.by, cell: (preheat) => causeOf(preheat, t) },
    { key: 'since', label: t.columns.since, cell: (preheat) => <Moment time={preheat.created_at} /> },
    { key: 'actions', label: '', align: 'end', cell: (preheat) => mayWrite && isRunning(preheat) && <Cancel of={of} preheat={preheat} /> },
  ];
  return (
    <Panel title={t.title} actions={(preheats.data ?? []).length > 0 ? add : undefined} flush>
      <Text size="sm" c="dimmed" className="panel-head">
        {t.help}
      </Text>
      <Ask query={preheats}>
        {(found) => (
          <DataTable
            label={t.title}
            source={rowsOf(found)}
            rowKey={(preheat) => String(preheat.id)}
            columns={columns}
            empty={
              <Empty icon={Flame} title={t.empty} action={add}>
                {t.emptyHelp}
              </Empty>
            }
          />
        )}
      </Ask>
      {open === 'add' && <PreheatDialog of={of} onClose={close} />}
      {typeof open === 'number' && <Look of={of} id={open} onClose={close} />}
    </Panel>
  );
}

const nameOf = (preheat: Preheat) => preheat.tag ?? shortDigest(preheat.digest);

/** Whether a rule or a trigger wanted it, and who asked or pushed. */
function causeOf({ wanted_by: cause, creator_name: name }: Preheat, t: { rule: string; trigger: string }): string {
  const by = cause === 'request' ? '' : t[cause];
  return [by, name].filter((word) => word !== '').join(', ') || '–';
}

function StateBadge({ state, words }: { state: string; words: { [state: string]: string } }) {
  return (
    <Badge color={COLOR[state] ?? 'gray'} variant="light">
      {words[state] ?? state}
    </Badge>
  );
}

function Labels({ preheat }: { preheat: Preheat }) {
  const t = accelerationTexts.use().preheats;
  const labels = labelsOf(preheat.labels);
  if (labels.length === 0) return t.all;
  return (
    <Group gap={6}>
      {labels.map((label) => (
        <code key={label}>{label}</code>
      ))}
    </Group>
  );
}

/** How many of the nodes have it. */
function Have({ preheat }: { preheat: Preheat }) {
  const t = accelerationTexts.use().preheats;
  const { waiting, sent, complete, failed: lost } = preheat.counts;
  const all = waiting + sent + complete + lost;
  const told = t.progress(count(complete), count(all), all);
  return (
    <div style={{ minWidth: 130 }}>
      <Text size="xs" className="tabular">
        {told}
        {lost > 0 && `, ${t.failedOnes(count(lost))}`}
      </Text>
      <Progress.Root size="sm">
        <Progress.Section value={(complete / Math.max(all, 1)) * 100} color="teal" aria-label={told} />
        {lost > 0 && <Progress.Section value={(lost / all) * 100} color="red" aria-label={t.failedOnes(count(lost))} />}
      </Progress.Root>
    </div>
  );
}

function Cancel({ of, preheat }: { of: ImagePlace; preheat: Preheat }) {
  const t = accelerationTexts.use().preheats;
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelPreheat(of, preheat.id),
    onSuccess: () => {
      done(t.cancelled);
      return queries.invalidateQueries({ queryKey: ['preheats', of.org, of.image] });
    },
    onError: failed,
  });
  const label = t.cancel(nameOf(preheat));
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} loading={cancel.isPending} onClick={() => cancel.mutate()}>
        <Ban size={15} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}

/** One of them with each of its nodes. */
function Look({ of, id, onClose }: { of: ImagePlace; id: number; onClose: () => void }) {
  const t = accelerationTexts.use().preheats;
  const frame = frameTexts.use();
  const query = useQuery(preheatQuery(of, id));
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={query.data === undefined ? t.title : t.look(nameOf(query.data))} closeButtonProps={{ 'aria-label': frame.close }}>
      <Ask query={query}>
        {(found) => (
          <Stack gap="md">
            <Facts
              facts={[
                [t.columns.state, <StateBadge key="state" state={found.state} words={t.states} />],
                [t.columns.progress, <Have key="have" preheat={found} />],
                [t.columns.nodes, <Labels key="labels" preheat={found} />],
                [t.manifest, <Digest key="digest" digest={found.digest} />],
                [t.columns.by, causeOf(found, t)],
                [t.expires, isRunning(found) && <Moment key="expires" time={found.expires_at} />],
              ]}
            />
            <DataTable
              label={t.columns.nodes}
              source={rowsOf(found.nodes)}
              rowKey={(node) => node.node}
              columns={[
                { key: 'node', label: t.node, cell: (node) => <code style={{ overflowWrap: 'anywhere' }}>{node.node}</code> },
                {
                  key: 'state',
                  label: t.columns.state,
                  cell: (node) => (
                    <>
                      <StateBadge state={node.state} words={t.nodeStates} />
                      {node.detail !== '' && (
                        <Text size="xs" lang="en" style={{ overflowWrap: 'anywhere' }}>
                          {node.detail}
                        </Text>
                      )}
                    </>
                  ),
                },
                { key: 'since', label: t.changed, cell: (node) => <Moment time={node.updated_at} /> },
              ]}
              empty={null}
            />
          </Stack>
        )}
      </Ask>
    </Drawer>
  );
}
