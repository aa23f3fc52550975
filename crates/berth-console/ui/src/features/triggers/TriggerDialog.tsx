import { Paper, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { done } from '../../components/notify';
import { FormDialog } from '../../components/FormDialog';
import { Problem } from '../../components/Problem';
import { createTrigger, type Place, replaceTrigger, tryDraft } from './api';
import { type Draft, faults } from './draft';
import { triggerTexts } from './texts';
import { TrialView } from './TrialView';
import { TriggerFields } from './TriggerFields';

/** Sets a trigger up, or changes one (`name`), with what it would do under the form. `onSecret`: the server made one. */
export function TriggerDialog({
  of,
  start,
  name,
  onClose,
  onSecret,
}: {
  of: Place;
  start: Draft;
  name?: string | undefined;
  onClose: () => void;
  onSecret: (secret: string) => void;
}) {
  const t = triggerTexts.use();
  const queries = useQueryClient();
  const [draft, setDraft] = useState(start);
  const [told, setTold] = useState(false);
  const wrong = faults(draft);
  const saved = useMutation({
    mutationFn: async () => {
      if (name === undefined) return createTrigger(of, draft);
      await replaceTrigger(of, name, draft);
      return undefined;
    },
    onSuccess: async (secret) => {
      done(name === undefined ? t.dialog.added(draft.name) : t.dialog.changed(name));
      await queries.invalidateQueries({ queryKey: ['triggers'] });
      onClose();
      if (secret !== undefined) onSecret(secret);
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={name === undefined ? t.dialog.add : t.dialog.edit(name)}
      submit={name === undefined ? t.dialog.create : t.dialog.save}
      size="xl"
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (Object.keys(wrong).length === 0) saved.mutate();
      }}
    >
      <TriggerFields of={of} draft={draft} set={(change) => setDraft({ ...draft, ...change })} wrong={told ? wrong : typed(draft, wrong)} fixed={name !== undefined} />
      <Trial of={of} draft={draft} />
    </FormDialog>
  );
}

/** The faults of what was typed: what is still empty is told when one wants to save. */
function typed(draft: Draft, wrong: Partial<Record<keyof Draft, true>>): Partial<Record<keyof Draft, true>> {
  return Object.fromEntries(Object.entries(wrong).filter(([field]) => draft[field as keyof Draft].toString() !== ''));
}

function Trial({ of, draft }: { of: Place; draft: Draft }) {
  const t = triggerTexts.use().trial;
  // The name changes nothing about it, so that one need not have thought of one yet.
  const [steady] = useDebouncedValue({ ...draft, name: 'x', enabled: true }, 500);
  const whole = Object.keys(faults(steady)).length === 0;
  const trial = useQuery({ queryKey: ['triggers', of.org, of.image, 'trial', steady], queryFn: () => tryDraft(of, steady), enabled: whole, retry: false });
  return (
    <Paper withBorder p="sm" component="section" aria-label={t.title}>
      <Stack gap="xs" aria-live="polite">
        <Text fw={600}>{t.title}</Text>
        {!whole && (
          <Text size="sm" c="dimmed">
            {t.open}
          </Text>
        )}
        {whole && trial.error !== null && <Problem error={trial.error} />}
        {whole && trial.error === null && trial.data !== undefined && <TrialView trial={trial.data} />}
      </Stack>
    </Paper>
  );
}
