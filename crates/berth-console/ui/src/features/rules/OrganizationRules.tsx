import { ActionIcon, Group, Stack, Switch, Text } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Pencil, Plus, Recycle, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { LazyRulePanel } from '../acceleration/LazyRulePanel';
import { PreheatRulePanel } from '../acceleration/PreheatRulePanel';
import { allows, type Right } from '../image/panel';
import { RuleTable } from '../immutability/RuleTable';
import { draftOf, type Rule } from '../retention/policy';
import { retentionTexts, type RetentionWords } from '../retention/texts';
import { formOf, type OrganizationRule, removeRule, rulesQuery, saveRule } from './api';
import { RetentionRuleDialog } from './RetentionRuleDialog';
import { rulesTexts } from './texts';

/** What the rules of an organization get. */
export interface OrganizationRulesProps {
  org: string;
  right: Right | undefined;
}

type Open = { what: 'add' } | { what: 'edit' | 'remove'; rule: OrganizationRule };

/** The rules of an organization for all its images: which tags go by themselves, which never move, which go to nodes, and which get an index. */
export function OrganizationRules({ org, right }: OrganizationRulesProps) {
  const mayManage = right !== undefined && allows(right, 'manage');
  return (
    <Stack gap="md">
      <RetentionRules org={org} mayManage={mayManage} />
      <RuleTable of={{ org }} mayManage={mayManage} />
      <PreheatRulePanel of={{ org }} mayManage={mayManage} />
      <LazyRulePanel of={{ org }} mayManage={mayManage} />
    </Stack>
  );
}

/** A rule in one sentence. */
export function sentenceOf(rule: Rule, words: RetentionWords): string {
  const { kind, number, tags, expressions } = draftOf(rule);
  return words.sentence.told(kind, count(Number(number)), [...tags, ...expressions].join(', '));
}

/** The retention rules of an organization. */
export function RetentionRules({ org, mayManage }: { org: string; mayManage: boolean }) {
  const t = rulesTexts.use();
  const words = retentionTexts.use();
  const rules = useQuery(rulesQuery(org));
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const add = (
    <ActionButton leftSection={<Plus size={15} aria-hidden />} reason={mayManage ? undefined : t.needsManage} onClick={() => setOpen({ what: 'add' })}>
      {t.add}
    </ActionButton>
  );
  return (
    <Panel title={t.retention} actions={(rules.data ?? []).length > 0 ? add : undefined} flush>
      <Text size="sm" c="dimmed" className="panel-head">
        {t.retentionHelp}
      </Text>
      <Ask query={rules}>
        {(found) => (
          <DataTable
            label={t.retention}
            source={rowsOf(found)}
            rowKey={(rule) => String(rule.id)}
            columns={[
              { key: 'on', label: t.columns.enabled, width: 60, cell: (rule) => <Toggle org={org} rule={rule} mayManage={mayManage} onOn={() => setOpen({ what: 'edit', rule: { ...rule, enabled: true } })} /> },
              { key: 'rule', label: t.columns.rule, cell: (rule) => sentenceOf(rule, words) },
              { key: 'images', label: t.columns.images, cell: (rule) => pattern(rule.images, t.all) },
              { key: 'tags', label: t.columns.tags, cell: (rule) => pattern(rule.tags, t.all) },
              {
                key: 'actions',
                label: '',
                align: 'end',
                cell: (rule) =>
                  mayManage && (
                    <Group gap={2} wrap="nowrap" justify="flex-end">
                      <ActionIcon variant="subtle" color="gray" aria-label={t.edit(sentenceOf(rule, words))} onClick={() => setOpen({ what: 'edit', rule })}>
                        <Pencil size={15} aria-hidden />
                      </ActionIcon>
                      <ActionIcon variant="subtle" color="red" aria-label={t.remove(sentenceOf(rule, words))} onClick={() => setOpen({ what: 'remove', rule })}>
                        <Trash2 size={15} aria-hidden />
                      </ActionIcon>
                    </Group>
                  ),
              },
            ]}
            empty={
              <Empty icon={Recycle} title={t.empty} action={add}>
                {t.emptyHelp}
              </Empty>
            }
          />
        )}
      </Ask>
      {open?.what === 'add' && <RetentionRuleDialog org={org} rules={rules.data ?? []} onClose={close} />}
      {open?.what === 'edit' && <RetentionRuleDialog org={org} rule={open.rule} rules={rules.data ?? []} onClose={close} />}
      {open?.what === 'remove' && <Remove org={org} rule={open.rule} onClose={close} />}
    </Panel>
  );
}

function pattern(text: string | null | undefined, all: string) {
  return text === null || text === undefined || text === '' ? all : <code>{text}</code>;
}

/** Switching on deletes at once, so that it goes through the form with its preview. */
function Toggle({ org, rule, mayManage, onOn }: { org: string; rule: OrganizationRule; mayManage: boolean; onOn: () => void }) {
  const t = rulesTexts.use();
  const words = retentionTexts.use();
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => saveRule(org, rule.id, { ...formOf(rule), enabled: false }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['retention'] }),
    onError: failed,
  });
  return (
    <Switch
      size="sm"
      aria-label={t.toggle(sentenceOf(rule, words))}
      title={mayManage ? undefined : t.needsManage}
      disabled={!mayManage}
      checked={rule.enabled && !change.isPending}
      onChange={(event) => (event.currentTarget.checked ? onOn() : change.mutate())}
    />
  );
}

function Remove({ org, rule, onClose }: { org: string; rule: OrganizationRule; onClose: () => void }) {
  const t = rulesTexts.use().removeDialog;
  const words = retentionTexts.use();
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.title}
      goes={[sentenceOf(rule, words)]}
      stays={t.stays}
      confirm={frameTexts.now().delete}
      run={() => removeRule(org, rule.id)}
      onDone={() => {
        done(t.done);
        void queries.invalidateQueries({ queryKey: ['retention'] });
      }}
    />
  );
}
