import { Badge, Drawer, Stack, Text, UnstyledButton } from '@mantine/core';
import '@mantine/core/styles/Drawer.layer.css';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Plus, Zap } from 'lucide-react';
import { useState } from 'react';
import { bytes, count, percent, shortDigest } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { type Column, DataTable } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { Facts } from '../../components/Facts';
import { FormDialog } from '../../components/FormDialog';
import { Moment } from '../../components/Moment';
import { done } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf, useMarkerRows } from '../../components/rows';
import { span } from '../sync/parts';
import { TagChoice } from '../triggers/TagChoice';
import { AGAIN_MS, type ImagePlace, isOpen, type LazyImage, type LazyRun, makeLazyIndex, readLazyRuns } from './api';
import { accelerationTexts } from './texts';

const COLOR: Record<string, string> = { done: 'teal', failed: 'red', running: 'tide' };

/** What was done to have an image start before it is pulled. */
export function LazyRuns({ of, mayWrite }: { of: ImagePlace; mayWrite: boolean }) {
  const t = accelerationTexts.use().lazy;
  const frame = frameTexts.use();
  const [open, setOpen] = useState<'make' | number>();
  const close = () => setOpen(undefined);
  const runs = useMarkerRows<LazyRun>({
    key: ['lazy', of.org, of.image, 'runs'],
    read: (marker) => readLazyRuns(of, marker),
    again: (rows) => rows.some(isOpen) && AGAIN_MS,
  });
  const make = (
    <ActionButton leftSection={<Plus size={15} aria-hidden />} reason={mayWrite ? undefined : frame.needs.write} onClick={() => setOpen('make')}>
      {t.make}
    </ActionButton>
  );
  const near = runs.loaded.find((run) => run.id === open);
  const columns: Column<LazyRun>[] = [
    {
      key: 'tag',
      label: t.columns.tag,
      cell: (run) => (
        <UnstyledButton className="row-link" onClick={() => setOpen(run.id)}>
          {nameOf(run)}
        </UnstyledButton>
      ),
    },
    { key: 'state', label: t.columns.state, cell: (run) => <StateBadge run={run} /> },
    { key: 'result', label: t.columns.result, cell: (run) => <Result run={run} /> },
    { key: 'why', label: t.columns.why, cell: (run) => [run.by_rule ? t.rule : '', run.user_name ?? ''].filter((word) => word !== '').join(', ') || '–' },
    { key: 'since', label: t.columns.since, cell: (run) => <Moment time={run.created_at} /> },
    { key: 'took', label: t.columns.took, align: 'end', cell: took },
  ];
  return (
    <Panel title={t.title} actions={(runs.count ?? 0) > 0 ? make : undefined} flush>
      <Text size="sm" c="dimmed" className="panel-head">
        {t.help}
      </Text>
      <DataTable
        label={t.title}
        source={runs}
        rowKey={(run) => String(run.id)}
        columns={columns}
        empty={
          <Empty icon={Zap} title={t.empty} action={make}>
            {t.emptyHelp}
          </Empty>
        }
      />
      {open === 'make' && <MakeDialog of={of} onClose={close} />}
      {near !== undefined && <Look run={near} onClose={close} />}
    </Panel>
  );
}

const nameOf = (run: LazyRun) => run.tag ?? shortDigest(run.digest);

function took(run: LazyRun): string {
  if (!run.started_at || !run.ended_at) return '–';
  return span(Math.max(1, Math.round((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000)));
}

function StateBadge({ run }: { run: LazyRun }) {
  const t = accelerationTexts.use().lazy.states;
  return (
    <Badge color={COLOR[run.status] ?? 'gray'} variant="light">
      {t[run.status] ?? run.status}
    </Badge>
  );
}

/** Of how many images there is an index now, or why of none. */
function Result({ run }: { run: LazyRun }) {
  const t = accelerationTexts.use().lazy;
  if (run.failed) {
    return (
      <Text size="sm" lang="en" maw={420} style={{ overflowWrap: 'anywhere' }}>
        {run.failed}
      </Text>
    );
  }
  if (run.images.length === 0) return '–';
  const made = run.images.filter((image) => image.index).length;
  const size = run.images.reduce((all, image) => all + image.index_bytes, 0);
  return (
    <>
      {t.result(count(made), count(run.images.length), run.images.length)}
      {size > 0 && `, ${bytes(size)}`}
    </>
  );
}

function Look({ run, onClose }: { run: LazyRun; onClose: () => void }) {
  const t = accelerationTexts.use().lazy;
  const frame = frameTexts.use();
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={t.look(nameOf(run))} closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="lg">
        <Facts
          facts={[
            [t.columns.state, <StateBadge key="state" run={run} />],
            [t.columns.result, <Result key="result" run={run} />],
            [t.columns.took, took(run)],
          ]}
        />
        {run.images.length === 0 && (
          <Text size="sm" c="dimmed">
            {t.nothing}
          </Text>
        )}
        {run.images.length > 0 && (
          <DataTable
            label={t.look(nameOf(run))}
            source={rowsOf(run.images)}
            rowKey={(image) => image.digest}
            columns={[
              { key: 'platform', label: t.platform, cell: (image) => image.platform ?? t.single },
              { key: 'index', label: t.index, cell: (image) => <Index image={image} /> },
              { key: 'layers', label: t.layers, align: 'end', cell: (image) => bytes(image.layers_bytes) },
              { key: 'size', label: t.size, align: 'end', cell: (image) => <IndexSize image={image} /> },
            ]}
            empty={null}
          />
        )}
      </Stack>
    </Drawer>
  );
}

function Index({ image }: { image: LazyImage }) {
  const t = accelerationTexts.use().lazy;
  if (image.index) return <Digest digest={image.index} />;
  return (
    <Text size="sm" lang="en" title={t.reason} style={{ overflowWrap: 'anywhere' }}>
      {image.reason ?? '–'}
    </Text>
  );
}

function IndexSize({ image }: { image: LazyImage }) {
  const t = accelerationTexts.use().lazy;
  if (!image.index) return '–';
  return (
    <>
      {bytes(image.index_bytes)}
      {image.layers_bytes > 0 && (
        <Text size="xs" c="dimmed">
          {t.ofLayers(percent(image.index_bytes / image.layers_bytes))}
        </Text>
      )}
    </>
  );
}

function MakeDialog({ of, onClose }: { of: ImagePlace; onClose: () => void }) {
  const all = accelerationTexts.use();
  const t = all.lazy.form;
  const queries = useQueryClient();
  const [tag, setTag] = useState('');
  const [told, setTold] = useState(false);
  const made = useMutation({
    mutationFn: () => makeLazyIndex(of, tag.trim()),
    onSuccess: () => {
      done(t.done(tag.trim()));
      void queries.invalidateQueries({ queryKey: ['lazy', of.org, of.image] });
      onClose();
    },
  });
  return (
    <FormDialog
      opened
      onClose={onClose}
      title={t.title}
      submit={t.submit}
      pending={made.isPending}
      error={made.error}
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (tag.trim() !== '') made.mutate();
      }}
    >
      <Text size="sm" c="dimmed">
        {t.help}
      </Text>
      <TagChoice of={of} value={tag} onChange={setTag} label={all.tag} error={told && tag.trim() === '' ? all.tagNeeded : undefined} />
    </FormDialog>
  );
}
