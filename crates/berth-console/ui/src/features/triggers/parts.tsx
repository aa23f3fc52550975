import { Badge, Group, Text, VisuallyHidden } from '@mantine/core';
import { ArrowRight } from 'lucide-react';
import type { Trial } from './api';
import { type ConditionKind, type Trigger, WORKLOAD_KINDS } from './draft';
import { triggerTexts } from './texts';

/** Which tags a trigger waits for. */
export function Condition({ trigger }: { trigger: Pick<Trigger, 'trigger_type' | 'condition'> }) {
  const t = triggerTexts.use().condition;
  const kind = trigger.trigger_type as ConditionKind;
  if (kind === 'all') return <Text size="sm">{t.all}</Text>;
  const words = kind === 'tag' ? trigger.condition.split(';') : [trigger.condition];
  const shown = words.slice(0, 3);
  return (
    <Group gap={4}>
      <Text size="sm" c="dimmed">
        {t[kind]}
      </Text>
      {shown.map((word) => (
        <code key={word} style={{ overflowWrap: 'anywhere' }}>
          {word}
        </code>
      ))}
      {words.length > shown.length && (
        <Badge size="sm" variant="light" color="gray" title={words.slice(3).join(' ')}>
          +{words.length - shown.length}
        </Badge>
      )}
    </Group>
  );
}

/** On what a trigger acts. */
export function Target({ trigger }: { trigger: Trigger }) {
  if (trigger.action === 'webhook') return <Text size="sm" className="mono" style={{ overflowWrap: 'anywhere' }}>{trigger.webhook_url}</Text>;
  const kind = WORKLOAD_KINDS[trigger.app_type as keyof typeof WORKLOAD_KINDS] ?? trigger.app_type;
  return (
    <div>
      <Text size="sm">
        {kind} <code>{trigger.application}</code>
        {trigger.container !== '' && (
          <>
            {' · '}
            <code>{trigger.container}</code>
          </>
        )}
      </Text>
      <Text size="xs" c="dimmed">
        {trigger.cluster_name} / {trigger.cluster_ns}
      </Text>
    </div>
  );
}

/** Images of containers, before and after. */
export function ImageChanges({ images }: { images: Trial['images'] }) {
  const t = triggerTexts.use().runs;
  return images.map((change) => (
    <div key={change.container}>
      <Text size="xs" c="dimmed">
        {t.container} {change.container}
      </Text>
      <Group gap={6} wrap="nowrap" align="flex-start" className="mono" fz="xs">
        <ArrowRight size={14} aria-hidden style={{ flexShrink: 0, marginTop: 3 }} />
        <div style={{ overflowWrap: 'anywhere' }}>
          <div style={{ textDecoration: change.before === change.after ? undefined : 'line-through' }}>
            <VisuallyHidden component="span">{t.before}: </VisuallyHidden>
            {change.before}
          </div>
          {change.before !== change.after && (
            <div>
              <VisuallyHidden component="span">{t.after}: </VisuallyHidden>
              {change.after}
            </div>
          )}
        </div>
      </Group>
    </div>
  ));
}
