import { Button, Group, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Play, Recycle, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { Empty } from '../../components/Empty';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { allows, type ImagePanelProps } from '../image/panel';
import { type Policy, policyQuery, previewQuery, removePolicy, runNow, savePolicy } from './api';
import { type Draft, draftOf, FIRST_DRAFT, isWhole, ruleOf } from './policy';
import { NoPreview, PreviewTable } from './PreviewTable';
import { Records } from './Records';
import { Sentence } from './Sentence';
import './Sentence.css';
import { retentionTexts } from './texts';

/** How long an image keeps its tags: the policy as a sentence, what it does beside it, and what it did. */
export function RetentionPanel({ org, image, right }: ImagePanelProps) {
  const policy = useQuery(policyQuery(org, image));
  return (
    <Stack gap="md">
      <Ask query={policy}>
        {(found) => (
          // Another policy is another sentence: what was typed about the one before means nothing for it.
          <Editor key={JSON.stringify(found)} org={org} image={image} right={right} policy={found} />
        )}
      </Ask>
      <Records org={org} image={image} />
    </Stack>
  );
}

function Editor({ org, image, right, policy }: ImagePanelProps & { policy: Policy | null }) {
  const t = retentionTexts.use();
  const saved = policy?.rules[0] === undefined ? undefined : draftOf(policy.rules[0]);
  const [draft, setDraft] = useState<Draft | undefined>(saved);
  const [steady] = useDebouncedValue(draft, 250);
  const changed = draft !== undefined && JSON.stringify(draft) !== JSON.stringify(saved);
  const whole = steady === undefined || isWhole(steady);
  const rule = changed && steady !== undefined ? ruleOf(steady) : undefined;
  return (
    <div className="beside">
      <Panel title={t.title} actions={policy === null ? undefined : <Own org={org} image={image} right={right} policy={policy} />}>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            {t.intro}
          </Text>
          {draft === undefined ? (
            <NoPolicy org={org} image={image} right={right} onSet={() => setDraft(FIRST_DRAFT)} />
          ) : (
            <>
              <Sentence draft={draft} onChange={setDraft} readOnly={!allows(right, 'manage')} />
              <Save
                org={org}
                image={image}
                right={right}
                policy={policy}
                draft={draft}
                changed={changed}
                settled={steady === draft}
                onReset={() => setDraft(saved)}
              />
            </>
          )}
        </Stack>
      </Panel>
      <Panel title={changed ? t.preview.title : t.preview.titleInForce} flush>
        {whole ? <PreviewTable org={org} image={image} rule={rule} /> : <NoPreview />}
      </Panel>
    </div>
  );
}

function NoPolicy({ org, image, right, onSet }: ImagePanelProps & { onSet: () => void }) {
  const t = retentionTexts.use();
  const needs = frameTexts.use().needs;
  const inForce = useQuery(previewQuery(org, image, undefined, 'all')).data;
  const rules = inForce?.own === false ? inForce.rules : 0;
  return (
    <Empty
      icon={Recycle}
      title={t.own.none}
      action={
        <ActionButton reason={allows(right, 'manage') ? undefined : needs.manage} onClick={onSet}>
          {t.own.set}
        </ActionButton>
      }
    >
      {rules > 0 ? t.own.byOrganization(rules) : t.own.nothing}
    </Empty>
  );
}

/** What can be done with the policy that is in force. */
function Own({ org, image, right, policy }: ImagePanelProps & { policy: Policy }) {
  const t = retentionTexts.use();
  const needs = frameTexts.use().needs;
  const queries = useQueryClient();
  const [removing, setRemoving] = useState(false);
  const read = () => queries.invalidateQueries({ queryKey: ['retention'] });
  const run = useMutation({
    mutationFn: () => runNow(org, image),
    onSuccess: () => {
      done(t.run.started);
      return read();
    },
    onError: failed,
  });
  const reason = allows(right, 'manage') ? undefined : needs.manage;
  return (
    <Group gap="xs">
      <ActionButton size="compact-sm" variant="default" leftSection={<Play size={13} aria-hidden />} loading={run.isPending} reason={reason} onClick={() => run.mutate()}>
        {t.run.now}
      </ActionButton>
      <ActionButton size="compact-sm" variant="subtle" color="red" leftSection={<Trash2 size={13} aria-hidden />} reason={reason} onClick={() => setRemoving(true)}>
        {t.remove.action}
      </ActionButton>
      <Confirm
        opened={removing}
        onClose={() => setRemoving(false)}
        title={t.remove.title}
        goes={[t.remove.goes]}
        stays={t.remove.stays}
        confirm={t.remove.action}
        run={() => removePolicy(org, image, policy.id)}
        onDone={() => {
          done(t.remove.done);
          void read();
        }}
      />
    </Group>
  );
}

/** Saves the sentence. Because a run begins at once, the button says how many tags go, and a question lists them. */
function Save({
  org,
  image,
  right,
  policy,
  draft,
  changed,
  settled,
  onReset,
}: ImagePanelProps & { policy: Policy | null; draft: Draft; changed: boolean; settled: boolean; onReset: () => void }) {
  const t = retentionTexts.use();
  const needs = frameTexts.use().needs;
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const rule = ruleOf(draft);
  const ready = changed && settled && isWhole(draft);
  const going = useQuery({ ...previewQuery(org, image, rule, 'deleted'), enabled: ready, placeholderData: undefined });
  const goes = ready ? going.data?.totals.deleted : undefined;
  const save = async () => {
    await savePolicy(org, image, policy, rule);
    done(t.save.saved);
    await queries.invalidateQueries({ queryKey: ['retention'] });
    await queries.invalidateQueries({ queryKey: ['tags', org, image] });
  };
  const mutation = useMutation({ mutationFn: save, onError: failed });
  const reason = !allows(right, 'manage')
    ? needs.manage
    : !changed
      ? t.save.none
      : !isWhole(draft)
        ? t.save.incomplete
        : goes === undefined
          ? t.save.running
          : undefined;
  const told = goes === undefined ? '' : t.tags(goes, count(goes));
  const listed = going.data?.tags.slice(0, 8) ?? [];
  return (
    <Group gap="xs">
      <ActionButton
        reason={reason}
        loading={mutation.isPending}
        color={goes !== undefined && goes > 0 ? 'red' : undefined}
        onClick={() => (goes === 0 ? mutation.mutate() : setAsking(true))}
      >
        {goes === undefined ? frameTexts.now().save : goes === 0 ? t.save.nothing : t.save.deletes(told)}
      </ActionButton>
      {changed && (
        <Button variant="subtle" onClick={onReset}>
          {t.save.reset}
        </Button>
      )}
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={t.save.confirm(told)}
        goes={[
          ...listed.map((tag) => <code key={tag.tag}>{tag.tag}</code>),
          ...(goes !== undefined && goes > listed.length ? [t.more(count(goes - listed.length))] : []),
        ]}
        stays={[t.remains(t.tags((going.data?.totals.tags ?? 0) - (goes ?? 0), count((going.data?.totals.tags ?? 0) - (goes ?? 0))))]}
        confirm={t.save.deletes(told)}
        run={save}
      />
    </Group>
  );
}
