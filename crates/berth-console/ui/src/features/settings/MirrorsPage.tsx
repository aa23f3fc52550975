import { Button, Switch, Text } from '@mantine/core';
import '@mantine/core/styles/Switch.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CopyPlus, Plus } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { done, failed } from '../../components/notify';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { Administrators } from './Administrators';
import { MirrorDialog } from './MirrorDialog';
import { RowMenu } from './RowMenu';
import { settingsTexts } from './texts';

/** A registry that an organization is to hold. */
export type Mirror = components['schemas']['Mirror'];

type Open = { what: 'add' } | { what: 'edit' | 'remove'; mirror: Mirror };

/** The registries that organizations of the account mirror. */
export function MirrorsPage() {
  const t = settingsTexts.use().mirrors;
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
      {open?.what === 'add' && <MirrorDialog onClose={close} />}
      {open?.what === 'edit' && <MirrorDialog mirror={open.mirror} onClose={close} />}
      {open?.what === 'remove' && <Remove mirror={open.mirror} onClose={close} />}
    </Page>
  );
}

function List({ onOpen }: { onOpen: (open: Open) => void }) {
  const all = settingsTexts.use();
  const t = all.mirrors;
  const mirrors = useQuery({ queryKey: ['mirrors'], queryFn: () => data(api.GET('/v2/manage/mirrors')) });
  return (
    <Ask query={mirrors}>
      {(found) => (
        <DataTable
          label={t.title}
          source={rowsOf(found)}
          rowKey={(mirror) => mirror.name}
          columns={[
            { key: 'on', label: t.columns.enabled, width: 60, cell: (mirror) => <Toggle mirror={mirror} /> },
            { key: 'name', label: t.columns.name, cell: (mirror) => <Text fw={600} size="sm">{mirror.name}</Text> },
            { key: 'registry', label: t.columns.registry, cell: (mirror) => <code>{mirror.registry}</code> },
            { key: 'address', label: t.columns.address, cell: (mirror) => <code>{mirror.url}</code> },
            { key: 'organization', label: t.columns.organization, cell: (mirror) => mirror.namespace },
            { key: 'login', label: t.columns.login, cell: (mirror) => (mirror.has_login ? all.login.kept : all.login.none) },
            { key: 'menu', label: '', align: 'end', cell: (mirror) => <RowMenu name={mirror.name} onEdit={() => onOpen({ what: 'edit', mirror })} onRemove={() => onOpen({ what: 'remove', mirror })} /> },
          ]}
          empty={
            <Empty icon={CopyPlus} title={t.empty}>
              {t.emptyHelp}
            </Empty>
          }
        />
      )}
    </Ask>
  );
}

function Toggle({ mirror }: { mirror: Mirror }) {
  const t = settingsTexts.use().mirrors;
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (enabled: boolean) => api.PATCH('/v2/manage/mirrors/{mirror}', { params: { path: { mirror: mirror.name } }, body: { enabled } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['mirrors'] }),
    onError: failed,
  });
  return <Switch size="sm" aria-label={t.toggle(mirror.name)} checked={change.isPending ? change.variables : mirror.enabled} onChange={(event) => change.mutate(event.currentTarget.checked)} />;
}

function Remove({ mirror, onClose }: { mirror: Mirror; onClose: () => void }) {
  const t = settingsTexts.use().mirrors.removal;
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
