import { Button, NativeSelect, NumberInput, Stack, TagsInput, Text } from '@mantine/core';
import '@mantine/core/styles/NumberInput.layer.css';
import '@mantine/core/styles/Pill.layer.css';
import '@mantine/core/styles/PillsInput.layer.css';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { count } from '../../app/format';
import { type Draft, isTagOrGlob, NUMBER_MAX, SELECTORS_MAX } from './policy';
import './Sentence.css';
import { retentionTexts } from './texts';

/** A retention rule as a sentence whose words can be changed. */
export function Sentence({
  draft,
  onChange,
  readOnly = false,
  known,
}: {
  draft: Draft;
  onChange: (draft: Draft) => void;
  readOnly?: boolean;
  /** Tags to offer. */
  known?: string[];
}) {
  const t = retentionTexts.use().sentence;
  const [asked, setAsked] = useState(false);
  const most = NUMBER_MAX[draft.kind];
  const set = (change: Partial<Draft>) => onChange({ ...draft, ...change });
  const wrong = draft.tags.find((tag) => !isTagOrGlob(tag));
  const tooMany = draft.tags.length + draft.expressions.length > SELECTORS_MAX;
  const isWrong = typeof draft.number !== 'number' || draft.number < 1 || draft.number > most;
  return (
    <Stack gap="sm" role="group" aria-label={t.label}>
      <div className="sentence">
        <span>{t.start}</span>
        <NativeSelect
          aria-label={t.kind}
          value={draft.kind}
          disabled={readOnly}
          onChange={(event) => {
            const kind = event.currentTarget.value as Draft['kind'];
            set({ kind, number: Math.min(Number(draft.number) || 1, NUMBER_MAX[kind]) });
          }}
          data={[
            { value: 'days', label: t.days.choice },
            { value: 'newest', label: t.newest.choice },
          ]}
        />
        <NumberInput
          aria-label={t.number[draft.kind]}
          w={96}
          value={draft.number}
          readOnly={readOnly}
          min={1}
          max={most}
          clampBehavior="none"
          allowDecimal={false}
          allowNegative={false}
          error={isWrong}
          onChange={(number) => set({ number })}
        />
        <span>{t[draft.kind].unit}</span>
      </div>
      {isWrong && (
        <Text role="alert" size="sm" c="var(--mantine-color-error)">
          {t.outOf(1, count(most))}
        </Text>
      )}
      <TagsInput
        label={t.tags}
        description={t.tagsHelp}
        value={draft.tags}
        readOnly={readOnly}
        data={known}
        limit={8}
        splitChars={[',', ' ', '，']}
        isDuplicate={(tag, others) => others.includes(tag)}
        error={wrong !== undefined ? t.badTag(wrong) : tooMany ? t.tooMany(SELECTORS_MAX) : undefined}
        onChange={(tags) => set({ tags })}
      />
      {draft.expressions.length > 0 || asked ? (
        <TagsInput
          label={t.expressions}
          description={t.expressionsHelp}
          value={draft.expressions}
          readOnly={readOnly}
          splitChars={[]}
          isDuplicate={(expression, others) => others.includes(expression)}
          onChange={(expressions) => set({ expressions })}
        />
      ) : (
        !readOnly && (
          <Button variant="subtle" size="compact-sm" leftSection={<Plus size={14} aria-hidden />} onClick={() => setAsked(true)} style={{ alignSelf: 'flex-start' }}>
            {t.addExpression}
          </Button>
        )
      )}
    </Stack>
  );
}
