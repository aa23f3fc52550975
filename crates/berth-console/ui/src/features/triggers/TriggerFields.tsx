import { Autocomplete, Checkbox, Fieldset, Group, NativeSelect, NumberInput, PasswordInput, Radio, Select, SimpleGrid, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/Fieldset.layer.css';
import '@mantine/core/styles/NumberInput.layer.css';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import '@mantine/core/styles/Radio.layer.css';
import '@mantine/core/styles/Switch.layer.css';
import { useQuery } from '@tanstack/react-query';
import { frameTexts } from '../../app/texts.frame';
import { clustersQuery, type Place, tagNamesQuery, workloadsQuery } from './api';
import { type Action, type ConditionKind, type Draft, PATTERN_MAX, TAGS_MAX, WORKLOAD_KINDS } from './draft';
import { triggerTexts } from './texts';

interface Part {
  of: Place;
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  /** Which fields are wrong, once they are to be told. */
  wrong: Partial<Record<keyof Draft, true>>;
}

/** The fields of a trigger. `fixed`: its name cannot be changed. */
export function TriggerFields({ of, draft, set, wrong, fixed }: Part & { fixed: boolean }) {
  const t = triggerTexts.use();
  return (
    <Stack gap="md">
      <Group align="flex-start" gap="md">
        <TextInput
          label={t.name}
          description={t.nameHelp}
          value={draft.name}
          disabled={fixed}
          data-autofocus={fixed ? undefined : true}
          autoComplete="off"
          maxLength={64}
          error={wrong.name === true ? t.nameWrong : undefined}
          onChange={(event) => set({ name: event.currentTarget.value })}
          style={{ flex: 1, minWidth: 200 }}
        />
        <Switch mt={48} label={t.enabled} checked={draft.enabled} onChange={(event) => set({ enabled: event.currentTarget.checked })} />
      </Group>
      <ConditionFields of={of} draft={draft} set={set} wrong={wrong} />
      <Radio.Group label={t.action.label} value={draft.action} onChange={(action) => set({ action: action as Action })}>
        <Group mt={6} gap="lg">
          <Radio value="update" label={t.action.update} />
          <Radio value="webhook" label={t.action.webhook} />
        </Group>
      </Radio.Group>
      {draft.action === 'update' ? <WorkloadFields of={of} draft={draft} set={set} wrong={wrong} /> : <WebhookFields of={of} draft={draft} set={set} wrong={wrong} fixed={fixed} />}
    </Stack>
  );
}

function ConditionFields({ of, draft, set, wrong }: Part) {
  const t = triggerTexts.use().condition;
  const tags = useQuery({ ...tagNamesQuery(of, ''), enabled: draft.kind === 'tag' }).data ?? [];
  return (
    <Stack gap="xs">
      <Radio.Group label={t.label} value={draft.kind} onChange={(kind) => set({ kind: kind as ConditionKind })}>
        <Group mt={6} gap="lg">
          {(['all', 'tag', 'regular', 'regexp'] as const).map((kind) => (
            <Radio key={kind} value={kind} label={t[kind]} />
          ))}
        </Group>
      </Radio.Group>
      {draft.kind === 'tag' && (
        <TagsInput
          aria-label={t.tag}
          description={t.tagsHelp}
          value={draft.tags}
          data={tags}
          maxTags={TAGS_MAX}
          splitChars={[',', ' ', ';', '，']}
          isDuplicate={(tag, others) => others.includes(tag)}
          error={wrong.tags === true ? t.tagsNeeded : undefined}
          onChange={(next) => set({ tags: next })}
        />
      )}
      {(draft.kind === 'regular' || draft.kind === 'regexp') && (
        <TextInput
          aria-label={t[draft.kind]}
          description={draft.kind === 'regular' ? t.patternHelp : t.expressionHelp}
          placeholder={draft.kind === 'regular' ? 'v*' : '^v[0-9]+$'}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          value={draft.pattern}
          maxLength={PATTERN_MAX}
          autoComplete="off"
          spellCheck={false}
          error={wrong.pattern === true ? t.patternNeeded : undefined}
          onChange={(event) => set({ pattern: event.currentTarget.value })}
        />
      )}
    </Stack>
  );
}

function WorkloadFields({ of, draft, set, wrong }: Part) {
  const t = triggerTexts.use();
  const clusters = useQuery(clustersQuery).data ?? [];
  const workloads = useQuery(workloadsQuery(of)).data ?? [];
  const there = workloads.filter((one) => draft.cluster === '' || one.cluster_id === draft.cluster);
  const namespaces = new Set([...(clusters.find((one) => one.cluster_id === draft.cluster)?.namespaces ?? []), ...there.map((one) => one.cluster_ns)]);
  const fitting = there.filter((one) => one.cluster_ns === draft.namespace && one.kind === WORKLOAD_KINDS[draft.workloadKind as keyof typeof WORKLOAD_KINDS]);
  const choosable = workloads.filter((one) => kindOf(one.kind) !== undefined);
  const needed = (field: keyof Draft) => (wrong[field] === true ? (draft[field] === '' ? t.target.required : t.target.name) : undefined);
  return (
    <Fieldset legend={t.action.update}>
      <Stack gap="sm">
        {choosable.length > 0 && (
          <Select
            label={t.target.running}
            description={t.target.runningHelp}
            value={null}
            searchable
            comboboxProps={{ withinPortal: true }}
            data={choosable.map((one, index) => ({
              value: String(index),
              label: `${one.cluster_name} / ${one.cluster_ns} / ${one.kind} ${one.application} / ${one.container}`,
            }))}
            onChange={(index) => {
              const one = choosable[Number(index)];
              if (index === null || one === undefined) return;
              set({ cluster: one.cluster_id, namespace: one.cluster_ns, workloadKind: kindOf(one.kind) ?? draft.workloadKind, workload: one.application, container: one.container });
            }}
          />
        )}
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
          <Select
            label={t.target.cluster}
            description={clusters.length === 0 ? t.target.noCluster : undefined}
            value={draft.cluster === '' ? null : draft.cluster}
            data={clusters.map((one) => ({ value: one.cluster_id, label: one.cluster_name }))}
            error={needed('cluster')}
            onChange={(cluster) => set({ cluster: cluster ?? '' })}
          />
          <Autocomplete label={t.target.namespace} value={draft.namespace} data={[...namespaces]} error={needed('namespace')} onChange={(namespace) => set({ namespace })} autoComplete="off" />
          <NativeSelect
            label={t.target.kind}
            value={draft.workloadKind}
            data={Object.entries(WORKLOAD_KINDS).map(([value, label]) => ({ value, label }))}
            onChange={(event) => set({ workloadKind: event.currentTarget.value })}
          />
          <Autocomplete label={t.target.workload} value={draft.workload} data={[...new Set(fitting.map((one) => one.application))]} error={needed('workload')} onChange={(workload) => set({ workload })} autoComplete="off" />
        </SimpleGrid>
        <Autocomplete
          label={t.target.container}
          description={t.target.containerHelp}
          value={draft.container}
          data={[...new Set(fitting.filter((one) => one.application === draft.workload).map((one) => one.container))]}
          error={wrong.container === true ? t.target.name : undefined}
          onChange={(container) => set({ container })}
          autoComplete="off"
        />
        <Radio.Group label={t.by.label} value={draft.by} onChange={(by) => set({ by: by as Draft['by'] })}>
          <Group mt={6} gap="lg">
            <Radio value="digest" label={t.by.digest} />
            <Radio value="tag" label={t.by.tag} />
          </Group>
        </Radio.Group>
        <Checkbox label={t.undo} checked={draft.undo} onChange={(event) => set({ undo: event.currentTarget.checked })} />
        <NumberInput label={t.timeout} w={220} value={draft.timeout} min={1} max={86_400} clampBehavior="none" allowDecimal={false} error={wrong.timeout === true ? t.timeoutRange : undefined} onChange={(timeout) => set({ timeout })} />
      </Stack>
    </Fieldset>
  );
}

/** The word of the API for a kind of object, if triggers can change it. */
function kindOf(kind: string): string | undefined {
  return Object.entries(WORKLOAD_KINDS).find(([, object]) => object === kind)?.[0];
}

function WebhookFields({ draft, set, wrong, fixed }: Part & { fixed: boolean }) {
  const t = triggerTexts.use();
  const frame = frameTexts.use();
  return (
    <Fieldset legend={t.action.webhook}>
      <Stack gap="sm">
        <TextInput
          label={t.url}
          description={t.urlHelp}
          placeholder="https://ci.example.com/hooks/berth"
          type="url"
          value={draft.url}
          autoComplete="off"
          error={wrong.url === true ? t.urlWrong : undefined}
          onChange={(event) => set({ url: event.currentTarget.value })}
        />
        {!fixed && (
          <PasswordInput
            label={t.secret}
            description={t.secretHelp}
            placeholder="whsec_…"
            value={draft.secret}
            autoComplete="new-password"
            visibilityToggleButtonProps={{ 'aria-label': frame.show }}
            onChange={(event) => set({ secret: event.currentTarget.value })}
          />
        )}
        <Text size="xs" c="dimmed">
          CloudEvents 1.0 · Standard Webhooks
        </Text>
      </Stack>
    </Fieldset>
  );
}
