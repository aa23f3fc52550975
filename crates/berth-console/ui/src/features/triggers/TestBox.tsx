import { Alert, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { FlaskConical } from 'lucide-react';
import { useState } from 'react';
import { isTagName } from '../../app/names';
import { Panel } from '../../components/Panel';
import { Problem } from '../../components/Problem';
import { type Place, tryTrigger } from './api';
import type { Trigger } from './draft';
import { ImageChanges } from './parts';
import { TagChoice } from './TagChoice';
import { triggerTexts } from './texts';

/** What a trigger would do with a tag; `fires` is unknown when the tag is beyond those that were looked at. */
interface Verdict {
  trigger: Trigger;
  fires: boolean | undefined;
  problem: string;
  images: Parameters<typeof ImageChanges>[0]['images'];
}

async function judge(of: Place, trigger: Trigger, tag: string): Promise<Verdict> {
  const trial = await tryTrigger(of, trigger.name, tag);
  const listed = trial.tags.includes(tag);
  const fires = listed || (trial.tags_matching > trial.tags.length ? undefined : false);
  return { trigger, fires, problem: trial.problem ?? '', images: trial.images };
}

/** Tells which triggers a push of a tag would set off, by asking each for a dry run. */
export function TestBox({ of, triggers }: { of: Place; triggers: Trigger[] }) {
  const t = triggerTexts.use().test;
  const [tag, setTag] = useState('');
  const test = useMutation({
    mutationFn: async (wanted: string) => ({ tag: wanted, verdicts: await Promise.all(triggers.map((trigger) => judge(of, trigger, wanted))) }),
  });
  return (
    <Panel title={t.title}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {t.help}
        </Text>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (isTagName(tag.trim())) test.mutate(tag.trim());
          }}
        >
          <Group align="flex-end" gap="xs">
            <TagChoice of={of} value={tag} onChange={setTag} label={t.tag} />
            <Button type="submit" variant="default" leftSection={<FlaskConical size={15} aria-hidden />} loading={test.isPending} disabled={!isTagName(tag.trim())}>
              {t.run}
            </Button>
          </Group>
        </form>
        {test.error !== null && <Problem error={test.error} />}
        {test.data !== undefined && <Verdicts {...test.data} />}
      </Stack>
    </Panel>
  );
}

function Verdicts({ tag, verdicts }: { tag: string; verdicts: Verdict[] }) {
  const t = triggerTexts.use();
  const acting = verdicts.filter((one) => one.fires === true && one.trigger.enable === 'true').length;
  return (
    <Stack gap="xs" aria-live="polite">
      <Text fw={600}>{t.test.result(tag, acting)}</Text>
      {verdicts.map(({ trigger, fires, problem, images }) => (
        <div key={trigger.name}>
          <Group gap="xs">
            <Badge color={fires === true ? (trigger.enable === 'true' ? 'teal' : 'yellow') : 'gray'} variant="light">
              {fires === undefined ? t.test.unknown : fires ? (trigger.enable === 'true' ? t.test.fires : t.test.off) : t.test.firesNot}
            </Badge>
            <Text fw={600}>{trigger.name}</Text>
            <Text size="sm" c="dimmed">
              {trigger.action === 'webhook' ? t.action.webhook : t.action.update}
            </Text>
          </Group>
          {fires === true && images.length > 0 && <ImageChanges images={images} />}
          {fires === true && problem !== '' && (
            <Alert color="red" variant="light" title={t.trial.problem} mt={4}>
              {problem}
            </Alert>
          )}
        </div>
      ))}
    </Stack>
  );
}
