import { Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { isTagName } from '../../app/names';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { type Place, runTrigger } from './api';
import { TagChoice } from './TagChoice';
import { triggerTexts } from './texts';

/** Runs a trigger by hand, for a tag that one chooses. */
export function RunDialog({ of, name, onClose, onRun }: { of: Place; name: string; onClose: () => void; onRun: () => void }) {
  const t = triggerTexts.use().runDialog;
  const queries = useQueryClient();
  const [tag, setTag] = useState('');
  const run = useMutation({
    mutationFn: () => runTrigger(of, name, tag.trim()),
    onSuccess: () => {
      done(t.started);
      void queries.invalidateQueries({ queryKey: ['triggers'] });
      onClose();
      onRun();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.title(name)}
      submit={t.submit}
      pending={run.isPending}
      error={run.error}
      blocked={!isTagName(tag.trim())}
      onSubmit={(event) => {
        event.preventDefault();
        run.mutate();
      }}
    >
      <Text size="sm" c="dimmed">
        {t.help}
      </Text>
      <TagChoice of={of} value={tag} onChange={setTag} label={t.tag} />
    </FormDialog>
  );
}
