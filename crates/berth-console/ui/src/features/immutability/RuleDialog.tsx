import { Group, Paper, Radio, Stack, Text, TextInput } from '@mantine/core';
import '@mantine/core/styles/Radio.layer.css';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { FormDialog } from '../../components/FormDialog';
import { done } from '../../components/notify';
import { addRule, type Draft, NEW_RULE, PATTERN_MAX, type Place } from './api';
import { CoveredTags } from './CoveredTags';
import { immutabilityTexts } from './texts';

const monospaced = { input: { fontFamily: 'var(--mantine-font-family-monospace)' } };

/** Makes tags immutable, and shows which ones while one writes. */
export function RuleDialog({ of, onClose }: { of: Place; onClose: () => void }) {
  const t = immutabilityTexts.use();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(NEW_RULE);
  const [told, setTold] = useState(false);
  const [steady] = useDebouncedValue(draft, 300);
  const set = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const saved = useMutation({
    mutationFn: () => addRule(of, draft),
    onSuccess: () => {
      done(t.dialog.done);
      void queries.invalidateQueries({ queryKey: ['immutability'] });
      void queries.invalidateQueries({ queryKey: ['tags'] });
      onClose();
    },
  });
  const isWhole = (one: Draft) => one.pattern !== '';
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.dialog.title}
      submit={t.dialog.submit}
      size="lg"
      pending={saved.isPending}
      error={saved.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (isWhole(draft)) saved.mutate();
      }}
    >
      <Radio.Group label={t.dialog.kind} value={draft.kind} onChange={(kind) => set({ kind: kind as Draft['kind'] })}>
        <Group mt={6} gap="lg">
          <Radio value="glob" label={t.kinds.glob} />
          <Radio value="regex" label={t.kinds.regex} />
        </Group>
      </Radio.Group>
      <TextInput
        label={t.dialog.pattern}
        description={draft.kind === 'glob' ? t.dialog.patternHelp : t.dialog.expressionHelp}
        placeholder={draft.kind === 'glob' ? 'v*' : '^v[0-9]+$'}
        value={draft.pattern}
        maxLength={PATTERN_MAX}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
        styles={monospaced}
        error={told && !isWhole(draft) ? t.dialog.required : undefined}
        onChange={(event) => set({ pattern: event.currentTarget.value })}
      />
      <TextInput
        label={t.dialog.except}
        description={t.dialog.exceptHelp}
        placeholder={draft.kind === 'glob' ? '{latest,dev-*}' : undefined}
        value={draft.except}
        maxLength={PATTERN_MAX}
        autoComplete="off"
        spellCheck={false}
        styles={monospaced}
        onChange={(event) => set({ except: event.currentTarget.value })}
      />
      {of.image === undefined && (
        <TextInput
          label={t.dialog.images}
          description={t.dialog.imagesHelp}
          placeholder="release/**"
          value={draft.images}
          maxLength={PATTERN_MAX}
          autoComplete="off"
          spellCheck={false}
          styles={monospaced}
          onChange={(event) => set({ images: event.currentTarget.value })}
        />
      )}
      <Paper withBorder p="sm" component="section" aria-label={t.preview.title}>
        <Stack gap="xs">
          <Text fw={600}>{t.preview.title}</Text>
          {isWhole(steady) ? (
            <CoveredTags of={of} draft={steady} />
          ) : (
            <Text size="sm" c="dimmed">
              {t.preview.wait}
            </Text>
          )}
        </Stack>
      </Paper>
    </FormDialog>
  );
}
