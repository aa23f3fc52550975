import { ActionIcon, Menu, Stack, Switch, Text, UnstyledButton } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Ellipsis, FlaskConical, History, KeyRound, Pencil, Play, Plus, RotateCw, Trash2, Zap } from 'lucide-react';
import { useState } from 'react';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { allows, type ImagePanelProps } from '../image/panel';
import { deleteTrigger, enableTrigger, named, ping, type Place, redeliverDead, replaceSecret, triggersQuery } from './api';
import { draftOf, NEW_TRIGGER, type Trigger } from './draft';
import { Condition, Target } from './parts';
import { RunDialog } from './RunDialog';
import { SecretDialog } from './SecretDialog';
import { TestBox } from './TestBox';
import { triggerTexts } from './texts';
import { TriggerDialog } from './TriggerDialog';
import { TriggerDrawer } from './TriggerDrawer';

/** What is open over the list. */
type Open = { what: 'add' } | { what: 'edit' | 'delete' | 'run' | 'rotate'; trigger: Trigger } | { what: 'secret'; secret: string };

/** What acts when the image is pushed. Which trigger is looked at stands in the address. */
export function TriggersPanel({ org, image, right }: ImagePanelProps) {
  const t = triggerTexts.use();
  const needs = frameTexts.use().needs;
  const of = { org, image };
  const triggers = useQuery(triggersQuery(of));
  const [open, setOpen] = useState<Open>();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { trigger?: string };
  const look = (trigger: string | undefined) => void navigate({ to: '.', search: (old: Record<string, unknown>) => ({ ...old, trigger }), replace: true });
  const mayWrite = allows(right, 'write');
  const looked = named(triggers.data ?? [], search.trigger);
  const add = (
    <ActionButton leftSection={<Plus size={15} aria-hidden />} reason={mayWrite ? undefined : needs.write} onClick={() => setOpen({ what: 'add' })}>
      {t.add}
    </ActionButton>
  );
  return (
    <Stack gap="md">
      <Panel title={t.title} actions={(triggers.data ?? []).length > 0 ? add : undefined} flush>
        <Text size="sm" c="dimmed" className="panel-head">
          {t.intro}
        </Text>
        <Ask query={triggers}>
          {(found) => (
            <DataTable
              label={t.title}
              source={rowsOf(found)}
              rowKey={(trigger) => trigger.name}
              columns={[
                { key: 'on', label: t.columns.enabled, width: 60, cell: (trigger) => <Toggle of={of} trigger={trigger} mayWrite={mayWrite} /> },
                {
                  key: 'name',
                  label: t.columns.name,
                  cell: (trigger) => (
                    <UnstyledButton className="row-link" onClick={() => look(trigger.name)}>
                      {trigger.name}
                    </UnstyledButton>
                  ),
                },
                { key: 'condition', label: t.columns.condition, cell: (trigger) => <Condition trigger={trigger} /> },
                { key: 'action', label: t.columns.action, cell: (trigger) => (trigger.action === 'webhook' ? t.action.webhook : t.action.update) },
                { key: 'target', label: t.columns.target, cell: (trigger) => <Target trigger={trigger} /> },
                { key: 'created', label: t.columns.created, cell: (trigger) => <Moment time={trigger.created_at} /> },
                { key: 'menu', label: '', align: 'end', cell: (trigger) => <Actions of={of} trigger={trigger} mayWrite={mayWrite} onLook={() => look(trigger.name)} onOpen={setOpen} /> },
              ]}
              empty={
                <Empty icon={Zap} title={t.empty} action={add}>
                  {t.emptyHelp}
                </Empty>
              }
            />
          )}
        </Ask>
      </Panel>
      {mayWrite && triggers.data !== undefined && triggers.data.length > 0 && <TestBox of={of} triggers={triggers.data} />}
      {looked !== undefined && <TriggerDrawer of={of} trigger={looked} mayWrite={mayWrite} onClose={() => look(undefined)} />}
      {open !== undefined && <Over of={of} open={open} onClose={() => setOpen(undefined)} onOpen={setOpen} onLook={look} />}
    </Stack>
  );
}

function Over({ of, open, onClose, onOpen, onLook }: { of: Place; open: Open; onClose: () => void; onOpen: (open: Open) => void; onLook: (name: string) => void }) {
  const t = triggerTexts.use();
  const queries = useQueryClient();
  const read = () => void queries.invalidateQueries({ queryKey: ['triggers'] });
  const onSecret = (secret: string) => onOpen({ what: 'secret', secret });
  if (open.what === 'secret') return <SecretDialog secret={open.secret} onClose={onClose} />;
  if (open.what === 'add') return <TriggerDialog of={of} start={NEW_TRIGGER} onClose={onClose} onSecret={onSecret} />;
  const { name } = open.trigger;
  if (open.what === 'edit') return <TriggerDialog of={of} start={draftOf(open.trigger)} name={name} onClose={onClose} onSecret={onSecret} />;
  if (open.what === 'run') return <RunDialog of={of} name={name} onClose={onClose} onRun={() => onLook(name)} />;
  if (open.what === 'rotate') {
    return (
      <Confirm
        opened
        // `Confirm` closes itself first; the secret that came takes its place.
        onClose={onClose}
        title={t.secretDialog.rotateTitle(name)}
        goes={[]}
        confirm={t.secretDialog.rotate}
        run={async () => {
          const secret = await replaceSecret(of, name);
          setTimeout(() => onSecret(secret));
        }}
      >
        <Text size="sm">{t.secretDialog.rotateHelp}</Text>
      </Confirm>
    );
  }
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.remove.title(name)}
      goes={[t.remove.goes(name)]}
      stays={t.remove.stays}
      confirm={frameTexts.now().delete}
      run={() => deleteTrigger(of, name)}
      onDone={() => {
        done(t.remove.done(name));
        read();
      }}
    />
  );
}

function Toggle({ of, trigger, mayWrite }: { of: Place; trigger: Trigger; mayWrite: boolean }) {
  const t = triggerTexts.use();
  const needs = frameTexts.use().needs;
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (enabled: boolean) => enableTrigger(of, trigger.name, enabled),
    onSuccess: (_, enabled) => {
      done(enabled ? t.switchedOn(trigger.name) : t.switchedOff(trigger.name));
      return queries.invalidateQueries({ queryKey: ['triggers'] });
    },
    onError: failed,
  });
  const checked = change.isPending ? change.variables : trigger.enable === 'true';
  return (
    <Switch
      size="sm"
      aria-label={t.toggle(trigger.name)}
      title={mayWrite ? undefined : needs.write}
      checked={checked}
      disabled={!mayWrite}
      onChange={(event) => change.mutate(event.currentTarget.checked)}
    />
  );
}

function Actions({ of, trigger, mayWrite, onLook, onOpen }: { of: Place; trigger: Trigger; mayWrite: boolean; onLook: () => void; onOpen: (open: Open) => void }) {
  const t = triggerTexts.use();
  const queries = useQueryClient();
  const test = useMutation({
    mutationFn: () => ping(of, trigger.name),
    onSuccess: (found) => {
      if (found.delivered) done(t.ping.delivered(String(found.response_status ?? ''), count(found.duration_ms)));
      else failed(new Error(t.ping.failed(found.error)));
    },
    onError: failed,
  });
  const again = useMutation({
    mutationFn: () => redeliverDead(of, trigger.name),
    onSuccess: (deliveries) => {
      done(t.deliveries.doneMany(deliveries));
      return queries.invalidateQueries({ queryKey: ['triggers'] });
    },
    onError: failed,
  });
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t.menu.of(trigger.name)} loading={test.isPending || again.isPending}>
          <Ellipsis size={17} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<History size={15} aria-hidden />} onClick={onLook}>
          {t.menu.open}
        </Menu.Item>
        {mayWrite && (
          <>
            <Menu.Item leftSection={<Play size={15} aria-hidden />} onClick={() => onOpen({ what: 'run', trigger })}>
              {t.menu.run}
            </Menu.Item>
            {trigger.action === 'webhook' && (
              <>
                <Menu.Item leftSection={<FlaskConical size={15} aria-hidden />} onClick={() => test.mutate()}>
                  {t.menu.ping}
                </Menu.Item>
                <Menu.Item leftSection={<RotateCw size={15} aria-hidden />} onClick={() => again.mutate()}>
                  {t.menu.redeliverDead}
                </Menu.Item>
                <Menu.Item leftSection={<KeyRound size={15} aria-hidden />} onClick={() => onOpen({ what: 'rotate', trigger })}>
                  {t.menu.rotate}
                </Menu.Item>
              </>
            )}
            <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => onOpen({ what: 'edit', trigger })}>
              {t.menu.edit}
            </Menu.Item>
            <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => onOpen({ what: 'delete', trigger })}>
              {t.menu.delete}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
