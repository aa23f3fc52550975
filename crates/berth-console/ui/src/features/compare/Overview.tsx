import { Stack, Text } from '@mantine/core';
import { bytes } from '../../app/format';
import { type Column, DataTable } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import './compare.css';
import { SideMark } from './Marks';
import type { Comparison } from './queries';
import { compareTexts, type CompareWords } from './texts';

type Setting = Comparison['config'][number];
type Side = Comparison['layers'][number]['side'];

/** A layer with the step that made it, or a step that made none. */
interface Step {
  key: string;
  side: Side;
  text: string | null;
  digest: string | null;
  size: number | null;
}

/** What two images say of themselves differently, and how they were built. */
export function Overview({ compared }: { compared: Comparison }) {
  const t = compareTexts.use();
  const steps = stepsOf(compared);
  return (
    <Stack gap="md">
      <Panel title={t.config.title} flush>
        <DataTable
          label={t.config.title}
          source={rowsOf(compared.config)}
          columns={settings(t)}
          rowKey={(one) => `${one.field} ${one.name ?? ''}`}
          empty={<Text p="md" px="lg" c="dimmed">{t.config.none}</Text>}
        />
      </Panel>
      <Panel title={t.history.title} flush>
        <DataTable
          label={t.history.title}
          source={rowsOf(steps)}
          columns={stepColumns(t)}
          rowKey={(one) => one.key}
          empty={<Text p="md" px="lg" c="dimmed">{t.history.none}</Text>}
        />
      </Panel>
    </Stack>
  );
}

/** The steps of the builds; of images that tell none, their layers. */
function stepsOf({ history, layers }: Comparison): Step[] {
  if (history.length > 0) {
    return history.map((step, index) => ({
      key: `${index}`,
      side: step.side,
      text: step.created_by ?? step.comment ?? null,
      digest: step.digest ?? null,
      size: step.size ?? null,
    }));
  }
  return layers.map((layer, index) => ({ key: `${index}`, side: layer.side, text: null, digest: layer.digest, size: layer.size }));
}

function settings(t: CompareWords): Column<Setting>[] {
  const value = (text: string | null | undefined, field: string) => {
    if (text == null) return <Text component="span" size="sm" c="dimmed">{t.config.unset}</Text>;
    // A port or volume is there or not.
    if (text === '' && (field === 'exposed_ports' || field === 'volumes')) return t.config.set;
    return <span className="change-value">{text === '' ? '""' : text}</span>;
  };
  return [
    {
      key: 'field',
      label: t.config.field,
      width: '26%',
      cell: (one) => (
        <span style={{ overflowWrap: 'anywhere' }}>
          {t.config.names[one.field] ?? one.field}
          {one.name != null && (
            <>
              {' '}
              <code>{one.name}</code>
            </>
          )}
        </span>
      ),
    },
    { key: 'before', label: t.config.before, width: '37%', cell: (one) => value(one.before, one.field) },
    { key: 'after', label: t.config.after, width: '37%', cell: (one) => value(one.after, one.field) },
  ];
}

function stepColumns(t: CompareWords): Column<Step>[] {
  return [
    { key: 'side', label: t.history.side, width: 150, cell: (one) => <SideMark side={one.side} /> },
    {
      key: 'step',
      label: t.history.step,
      cell: (one) => (one.text === null ? <Text size="sm" c="dimmed">{t.history.unknown}</Text> : <code className="change-step" tabIndex={0}>{one.text}</code>),
    },
    { key: 'layer', label: t.history.layer, width: 170, cell: (one) => (one.digest === null ? '–' : <Digest digest={one.digest} />) },
    { key: 'size', label: t.history.size, width: 100, align: 'end', cell: (one) => (one.size === null ? '–' : bytes(one.size)) },
  ];
}
