import { Group, Radio, SegmentedControl, Select, Stack, Text, Textarea } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/Radio.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { count } from '../../app/format';
import { CATEGORIES } from '../images/list';
import { type ImagesWords, imagesTexts } from '../images/texts';

const Markdown = lazy(() => import('./Markdown').then((module) => ({ default: module.Markdown })));

/** What an image says of itself. */
export interface Says {
  isPublic: boolean;
  /** Nothing stays as it is. */
  category: string | null;
  description: string;
}

const DESCRIPTION_MAX = 30_000;

/** What is wrong with a description, counted as the API counts it. */
export function descriptionError(text: string, t: ImagesWords): string | null {
  return Array.from(text).length > DESCRIPTION_MAX ? t.edit.tooLong : null;
}

/** Type, category and description of an image. */
export function SaysFields({ values, onChange, error }: { values: Says; onChange: (next: Partial<Says>) => void; error: ReactNode }) {
  const t = imagesTexts.use();
  return (
    <>
      <Radio.Group label={t.edit.type} value={values.isPublic ? 'public' : 'private'} onChange={(next) => onChange({ isPublic: next === 'public' })}>
        <Stack gap={6} mt={6}>
          <Radio value="private" label={t.private} description={t.edit.privateHelp} />
          <Radio value="public" label={t.public} description={t.edit.publicHelp} />
        </Stack>
      </Radio.Group>
      <Select
        label={t.edit.category}
        placeholder={t.noCategory}
        data={CATEGORIES.map((category) => ({ value: category, label: t.categories[category] }))}
        value={values.category}
        onChange={(category) => onChange({ category })}
        allowDeselect={false}
        comboboxProps={{ position: 'bottom-start' }}
      />
      <DescriptionField text={values.description} onChange={(description) => onChange({ description })} error={error} />
    </>
  );
}

function DescriptionField({ text, onChange, error }: { text: string; onChange: (text: string) => void; error: ReactNode }) {
  const t = imagesTexts.use();
  const [mode, setMode] = useState('write');
  const length = Array.from(text).length;
  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text size="sm" fw={500} component="label" htmlFor="image-description">
          {t.edit.description}
        </Text>
        <SegmentedControl
          size="xs"
          value={mode}
          onChange={setMode}
          data={[
            { value: 'write', label: t.edit.write },
            { value: 'preview', label: t.edit.preview },
          ]}
        />
      </Group>
      {mode === 'write' ? (
        <Textarea
          id="image-description"
          description={t.edit.descriptionHelp}
          inputWrapperOrder={['input', 'description', 'error']}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
          rows={8}
          error={error}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
        />
      ) : (
        <div className="command" style={{ minHeight: 170, maxHeight: 360, overflow: 'auto', display: 'block', position: 'relative' }} tabIndex={0}>
          <Suspense fallback={null}>
            <Markdown text={text} />
          </Suspense>
        </div>
      )}
      {length > DESCRIPTION_MAX * 0.9 && (
        <Text size="xs" c={length > DESCRIPTION_MAX ? 'red' : 'dimmed'} role="status">
          {t.edit.characters(count(length), count(DESCRIPTION_MAX))}
        </Text>
      )}
    </div>
  );
}
