import { Radio, Stack, TagsInput, Text } from '@mantine/core';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import '@mantine/core/styles/Radio.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { count } from '../../app/format';
import { useSession } from '../../app/session';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { hasLabels, labelled } from '../agents/agents';
import { agentsQuery } from '../agents/api';
import { TagChoice } from '../triggers/TagChoice';
import { type ImagePlace, startPreheat } from './api';
import { accelerationTexts } from './texts';

/** Has a tag on nodes: on all that are connected, or on those with labels. */
export function PreheatDialog({ of, onClose }: { of: ImagePlace; onClose: () => void }) {
  const all = accelerationTexts.use();
  const t = all.preheats.form;
  const queries = useQueryClient();
  const [tag, setTag] = useState('');
  const [byLabel, setByLabel] = useState(false);
  const [typed, setTyped] = useState<string[]>([]);
  const [told, setTold] = useState(false);
  const labels = byLabel ? labelled(typed) : {};
  const saved = useMutation({
    mutationFn: (chosen: Record<string, string>) => startPreheat(of, tag.trim(), chosen),
    onSuccess: ({ counts }) => {
      const nodes = counts.waiting + counts.sent + counts.complete + counts.failed;
      done(t.done(count(nodes), nodes));
      void queries.invalidateQueries({ queryKey: ['preheats', of.org, of.image] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.title}
      submit={t.submit}
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (tag.trim() !== '' && labels !== undefined) saved.mutate(labels);
      }}
    >
      <TagChoice of={of} value={tag} onChange={setTag} label={all.tag} error={told && tag.trim() === '' ? all.tagNeeded : undefined} />
      <Radio.Group label={t.which} value={byLabel ? 'labels' : 'all'} onChange={(next) => setByLabel(next === 'labels')}>
        <Stack mt={6} gap="xs">
          <Radio value="all" label={t.all} />
          <Radio value="labels" label={t.labelled} />
        </Stack>
      </Radio.Group>
      {byLabel && (
        <TagsInput
          label={t.labels}
          description={t.labelsHelp}
          placeholder="zone=a"
          value={typed}
          splitChars={[',', ' ', '，']}
          acceptValueOnBlur
          error={labels === undefined ? t.labelsWrong : undefined}
          onChange={setTyped}
        />
      )}
      {labels !== undefined && <Matching labels={labels} />}
    </FormDialog>
  );
}

/** How many nodes are meant, for those who may see which there are. */
function Matching({ labels }: { labels: Record<string, string> }) {
  const t = accelerationTexts.use().preheats.form;
  const { administrator } = useSession();
  const agents = useQuery({ ...agentsQuery, enabled: administrator }).data?.agents;
  if (agents === undefined) return null;
  return (
    <Text size="sm" c="dimmed" role="status">
      {t.matching(count(agents.filter((agent) => hasLabels(agent, labels)).length), count(agents.length), agents.length)}
    </Text>
  );
}
