import { Alert, Code, Group, Stack, Text } from '@mantine/core';
import { TriangleAlert } from 'lucide-react';
import type { Trial } from './api';
import { ImageChanges } from './parts';
import { triggerTexts } from './texts';

/** What a trigger would do; nothing was changed. */
export function TrialView({ trial }: { trial: Trial }) {
  const t = triggerTexts.use().trial;
  const event = trial.event ?? null;
  const problem = trial.problem ?? '';
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600}>
        {trial.tags_seen === 0 ? t.noTags : trial.tags_matching === 0 ? t.none(trial.tags_seen) : t.waits(trial.tags_matching, trial.tags_seen)}
      </Text>
      {trial.tags.length > 0 && (
        <Group gap={6}>
          {trial.tags.slice(0, 12).map((tag) => (
            <code key={tag}>{tag}</code>
          ))}
          {trial.tags_matching > 12 && <Text size="xs" c="dimmed">+{trial.tags_matching - 12}</Text>}
        </Group>
      )}
      {problem !== '' && (
        <Alert color="red" variant="light" title={t.problem} icon={<TriangleAlert size={16} aria-hidden />}>
          {problem}
        </Alert>
      )}
      {trial.image !== null && trial.image !== undefined && (
        <div>
          <Text size="xs" c="dimmed">
            {t.gives} {t.as(trial.tag ?? '')}
          </Text>
          <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
            {trial.image}
          </Text>
        </div>
      )}
      {trial.images.length > 0 && (
        <Stack gap={4}>
          <ImageChanges images={trial.images} />
          <Text size="xs" c="dimmed">
            {trial.restarts ? t.restarts : t.restartsNot}
          </Text>
        </Stack>
      )}
      {event !== null && (
        <div>
          <Text size="xs" c="dimmed" mb={4}>
            {t.event} {t.as(trial.tag ?? '')}
          </Text>
          <Code block mah={220} tabIndex={0} style={{ overflow: 'auto' }}>
            {JSON.stringify(event, null, 2)}
          </Code>
        </div>
      )}
    </Stack>
  );
}
