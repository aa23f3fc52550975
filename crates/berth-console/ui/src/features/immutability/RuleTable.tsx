import { ActionIcon, Badge, Group, Modal, Text, Tooltip } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { List, Lock, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { draftOf, type Place, removeRule, type Rule, rulesQuery } from './api';
import { CoveredTags } from './CoveredTags';
import { RuleDialog } from './RuleDialog';
import { immutabilityTexts } from './texts';

type Open = { what: 'add' } | { what: 'remove' | 'covers'; rule: Rule };

/** The rules of an image, with those of its organization greyed, or the rules of an organization. */
export function RuleTable({ of, mayManage }: { of: Place; mayManage: boolean }) {
  const t = immutabilityTexts.use();
  const frame = frameTexts.use();
  const rules = useQuery(rulesQuery(of));
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const add = (
    <ActionButton leftSection={<Plus size={15} aria-hidden />} reason={mayManage ? undefined : frame.needs.manage} onClick={() => setOpen({ what: 'add' })}>
      {t.add}
    </ActionButton>
  );
  const columns = useColumns(of, mayManage, setOpen);
  return (
    <Panel title={of.image === undefined ? t.titleOrganization : t.title} actions={(rules.data ?? []).length > 0 ? add : undefined} flush>
      <Text size="sm" c="dimmed" className="panel-head">
        {t.intro}
      </Text>
      <Ask query={rules}>
        {(found) => (
          <DataTable
            label={t.title}
            source={rowsOf(found)}
            rowKey={(rule) => String(rule.id)}
            columns={columns}
            empty={
              <Empty icon={Lock} title={t.empty} action={add}>
                {t.emptyHelp}
              </Empty>
            }
          />
        )}
      </Ask>
      {open?.what === 'add' && <RuleDialog of={of} onClose={close} />}
      {open?.what === 'covers' && (
        <Modal opened onClose={close} title={t.coversOf(open.rule.pattern)} closeButtonProps={{ 'aria-label': frame.close }}>
          <CoveredTags of={of} draft={draftOf(open.rule)} />
        </Modal>
      )}
      {open?.what === 'remove' && <Remove of={of} rule={open.rule} onClose={close} />}
    </Panel>
  );
}

function useColumns({ org, image }: Place, mayManage: boolean, onOpen: (open: Open) => void): Column<Rule>[] {
  const t = immutabilityTexts.use();
  const own = (rule: Rule) => image === undefined || rule.on === 'image';
  const shade = (rule: Rule) => (own(rule) ? undefined : 'dimmed');
  return [
    { key: 'pattern', label: t.columns.pattern, cell: (rule) => <Text component="code" fw={600} c={shade(rule)}>{rule.pattern}</Text> },
    { key: 'kind', label: t.columns.kind, cell: (rule) => <Text size="sm" c={shade(rule)}>{rule.kind === 'regex' ? t.kinds.regex : t.kinds.glob}</Text> },
    { key: 'except', label: t.columns.except, cell: (rule) => (rule.except === null || rule.except === undefined ? '–' : <Text component="code" c={shade(rule)}>{rule.except}</Text>) },
    image === undefined
      ? { key: 'images', label: t.columns.images, cell: (rule) => (rule.images === null || rule.images === undefined ? t.allImages : <code>{rule.images}</code>) }
      : { key: 'on', label: t.columns.on, cell: (rule) => <Source org={org} inherited={!own(rule)} /> },
    { key: 'by', label: t.columns.by, cell: (rule) => <Text size="sm" c={shade(rule)}>{rule.creator_name || '–'}</Text> },
    { key: 'since', label: t.columns.since, cell: (rule) => <Moment time={rule.created_at} /> },
    {
      key: 'actions',
      label: '',
      align: 'end',
      cell: (rule) =>
        mayManage && (
          <Group gap={2} wrap="nowrap" justify="flex-end">
            <Tooltip label={t.covers}>
              <ActionIcon variant="subtle" color="gray" aria-label={`${t.covers}: ${rule.pattern}`} onClick={() => onOpen({ what: 'covers', rule })}>
                <List size={15} aria-hidden />
              </ActionIcon>
            </Tooltip>
            {own(rule) && (
              <ActionIcon variant="subtle" color="red" aria-label={t.remove.action(rule.pattern)} onClick={() => onOpen({ what: 'remove', rule })}>
                <Trash2 size={15} aria-hidden />
              </ActionIcon>
            )}
          </Group>
        ),
    },
  ];
}

function Source({ org, inherited }: { org: string; inherited: boolean }) {
  const t = immutabilityTexts.use();
  if (!inherited) return <span>{t.on.image}</span>;
  return (
    <Tooltip label={t.inherited}>
      <Link to="/organizations/$org" params={{ org }} search={{ tab: 'rules' }} className="row-link">
        <Badge color="gray" variant="light" style={{ cursor: 'pointer' }}>
          {t.on.organization(org)}
        </Badge>
      </Link>
    </Tooltip>
  );
}

function Remove({ of, rule, onClose }: { of: Place; rule: Rule; onClose: () => void }) {
  const t = immutabilityTexts.use().remove;
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.title}
      goes={[t.goes(rule.pattern)]}
      stays={t.stays}
      confirm={frameTexts.now().delete}
      run={() => removeRule(of, rule.id)}
      onDone={() => {
        done(t.done);
        void queries.invalidateQueries({ queryKey: ['immutability'] });
        void queries.invalidateQueries({ queryKey: ['tags'] });
      }}
    />
  );
}
