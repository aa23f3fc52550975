import { Checkbox } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { addRule, type Place, type Target } from './api';
import { isTarget, TargetFields } from './TargetFields';
import { syncTexts } from './texts';

/** Has every push of an image sent to a region; with `start` it changes how that is done. */
export function RuleDialog({ of, start, onClose }: { of: Place; start?: Target | undefined; onClose: () => void }) {
  const t = syncTexts.use().dialog;
  const queries = useQueryClient();
  const [to, setTo] = useState<Target>(start ?? { region: '', organization: of.org, override: true });
  const [existing, setExisting] = useState(false);
  const [told, setTold] = useState(false);
  const saved = useMutation({
    mutationFn: () => addRule(of, to, existing),
    onSuccess: () => {
      done(t.saved);
      void queries.invalidateQueries({ queryKey: ['sync'] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={start === undefined ? t.auto : t.edit}
      submit={t.save}
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (isTarget(to)) saved.mutate();
      }}
    >
      <TargetFields to={to} onChange={setTo} told={told} fixed={start !== undefined} />
      <Checkbox label={t.existing} checked={existing} onChange={(event) => setExisting(event.currentTarget.checked)} />
    </FormDialog>
  );
}
