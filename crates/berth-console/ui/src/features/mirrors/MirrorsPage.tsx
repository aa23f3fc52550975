import { Badge, Button, Stack, Switch, Text, Tooltip, UnstyledButton } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { CopyPlus, Plus } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { api } from '../../api/client';
import { bytes, count, percent } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { Administrators } from '../settings/Administrators';
import { RowMenu } from '../settings/RowMenu';
import { figuresQuery, type Mirror, type MirrorFigures, mirrorsQuery } from './api';
import { mirrorTexts } from './texts';

const MirrorDialog = lazy(() => import('./MirrorDialog').then((module) => ({ default: module.MirrorDialog })));
const MirrorDrawer = lazy(() => import('./MirrorDrawer').then((module) => ({ default: module.MirrorDrawer })));

type Open = { what: 'add' } | { what: 'edit' | 'remove'; mirror: Mirror };

/** The registries that organizations of the account stand for, and what that saves. */
export function MirrorsPage() {
  const t = mirrorTexts.use();
  const session = useSession();
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const add = (
    <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setOpen({ what: 'add' })}>
      {t.add}
    </Button>
  );
  return (
    <Page title={t.title} intro={t.intro} actions={session.administrator ? add : undefined}>
      <Administrators>
        <Panel flush>
          <List onOpen={setOpen} />
        </Panel>
      </Administrators>
      <Suspense fallback={null}>
        {open?.what === 'add' && <MirrorDialog onClose={close} />}
        {open?.what === 'edit' && <MirrorDialog mirror={open.mirror} onClose={close} />}
      </Suspense>
      {open?.what === 'remove' && <Remove mirror={open.mirror} onClose={close} />}
    </Page>
  );
}

function List({ onOpen }: { onOpen: (open: Open) => void }) {
  const t = mirrorTexts.use();
  const mirrors = useQuery(mirrorsQuery);
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const look = (mirror: string | undefined) => void navigate({ to: '.', search: { mirror }, replace: true });
  return (
    <Ask query={mirrors}>
      {(found) => {
        const near = found.find((mirror) => mirror.name === search['mirror']);
        return (
          <>
            <DataTable
              label={t.title}
              source={rowsOf(found)}
              rowKey={(mirror) => mirror.name}
              columns={[
                { key: 'on', label: t.columns.enabled, width: 60, cell: (mirror) => <Toggle mirror={mirror} /> },
                {
                  key: 'name',
                  label: t.columns.name,
                  cell: (mirror) => (
                    <UnstyledButton className="row-link" onClick={() => look(mirror.name)}>
                      {mirror.name}
                    </UnstyledButton>
                  ),
                },
                { key: 'registry', label: t.columns.registry, cell: (mirror) => <code>{mirror.registry}</code> },
                { key: 'organization', label: t.columns.organization, cell: (mirror) => mirror.namespace },
                { key: 'hits', label: t.columns.hits, align: 'end', cell: (mirror) => <Hits mirror={mirror} /> },
                { key: 'saved', label: t.columns.saved, align: 'end', cell: (mirror) => <Saved mirror={mirror} /> },
                { key: 'state', label: t.columns.state, cell: (mirror) => <State mirror={mirror} /> },
                { key: 'menu', label: '', align: 'end', cell: (mirror) => <RowMenu name={mirror.name} onEdit={() => onOpen({ what: 'edit', mirror })} onRemove={() => onOpen({ what: 'remove', mirror })} /> },
              ]}
              empty={
                <Empty icon={CopyPlus} title={t.empty}>
                  {t.emptyHelp}
                </Empty>
              }
            />
            <Suspense fallback={null}>{near !== undefined && <MirrorDrawer mirror={near} onClose={() => look(undefined)} onEdit={() => onOpen({ what: 'edit', mirror: near })} />}</Suspense>
          </>
        );
      }}
    </Ask>
  );
}

/** A mirror's figures; each row in sight asks for its own. */
function useFigures(mirror: Mirror): MirrorFigures | undefined {
  return useQuery(figuresQuery(mirror.name)).data;
}

function Hits({ mirror }: { mirror: Mirror }) {
  const t = mirrorTexts.use().figures;
  const figures = useFigures(mirror);
  if (figures?.hit_ratio === undefined || figures.hit_ratio === null) return '–';
  const all = figures.hits + figures.misses;
  return (
    <Tooltip label={t.ofRequests(count(figures.hits), count(all), all)}>
      <span tabIndex={0}>{percent(figures.hit_ratio)}</span>
    </Tooltip>
  );
}

function Saved({ mirror }: { mirror: Mirror }) {
  const figures = useFigures(mirror);
  return figures === undefined ? '–' : bytes(figures.bytes_saved);
}

/** Whether it fetches, is kept from it by the other registry, and when something went wrong. */
function State({ mirror }: { mirror: Mirror }) {
  const t = mirrorTexts.use().state;
  const figures = useFigures(mirror);
  const limited = mirror.enabled ? figures?.limited_until : undefined;
  const isLimited = limited !== undefined && limited !== null;
  return (
    <Stack gap={2} align="flex-start">
      {mirror.enabled ? (
        <Badge variant="light" color={isLimited ? 'yellow' : 'teal'}>
          {isLimited ? t.limited : t.ready}
        </Badge>
      ) : (
        <Tooltip label={t.offHelp}>
          <Badge variant="light" color="gray" tabIndex={0}>
            {t.off}
          </Badge>
        </Tooltip>
      )}
      {isLimited && (
        <Text size="xs" c="dimmed" component="div">
          {t.limitedUntil} <Moment time={limited} />
        </Text>
      )}
      {!isLimited && figures?.last_failure && (
        <Text size="xs" c="dimmed" component="div">
          {t.failed} <Moment time={figures.last_failure.at} />
        </Text>
      )}
    </Stack>
  );
}

function Toggle({ mirror }: { mirror: Mirror }) {
  const t = mirrorTexts.use();
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (enabled: boolean) => api.PATCH('/v2/manage/mirrors/{mirror}', { params: { path: { mirror: mirror.name } }, body: { enabled } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['mirrors'] }),
    onError: failed,
  });
  return <Switch size="sm" aria-label={t.toggle(mirror.name)} checked={change.isPending ? change.variables : mirror.enabled} onChange={(event) => change.mutate(event.currentTarget.checked)} />;
}

function Remove({ mirror, onClose }: { mirror: Mirror; onClose: () => void }) {
  const t = mirrorTexts.use().removal;
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.title(mirror.name)}
      goes={[t.goes(mirror.name)]}
      stays={t.stays}
      confirm={frameTexts.now().delete}
      run={() => api.DELETE('/v2/manage/mirrors/{mirror}', { params: { path: { mirror: mirror.name } } })}
      onDone={() => {
        done(t.done(mirror.name));
        void queries.invalidateQueries({ queryKey: ['mirrors'] });
      }}
    />
  );
}
