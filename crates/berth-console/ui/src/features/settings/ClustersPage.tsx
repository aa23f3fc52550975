import { Button, Text, Tooltip } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { FileKey2, Plus, Server } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
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
import { clustersQuery } from '../triggers/api';
import { Administrators } from './Administrators';
import { CheckBadge } from './CheckBadge';
import { ClusterDialog } from './ClusterDialog';
import { ManifestDialog } from './ManifestDialog';
import { RowMenu } from './RowMenu';
import { settingsTexts } from './texts';

/** A registered cluster. */
export type Cluster = components['schemas']['RegisteredCluster'];

type Open = { what: 'add' | 'manifest' } | { what: 'edit' | 'remove'; cluster: Cluster };

/** The Kubernetes clusters of the account. */
export function ClustersPage() {
  const t = settingsTexts.use().clusters;
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const buttons = (
    <>
      <Button variant="default" leftSection={<FileKey2 size={15} aria-hidden />} onClick={() => setOpen({ what: 'manifest' })}>
        {t.manifest}
      </Button>
      <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setOpen({ what: 'add' })}>
        {t.add}
      </Button>
    </>
  );
  return (
    <Page title={t.title} intro={t.intro} actions={useSession().administrator ? buttons : undefined}>
      <Administrators>
        <Panel flush>
          <List onOpen={setOpen} />
        </Panel>
      </Administrators>
      {open?.what === 'add' && <ClusterDialog onClose={close} />}
      {open?.what === 'edit' && <ClusterDialog cluster={open.cluster} onClose={close} />}
      {open?.what === 'manifest' && <ManifestDialog onClose={close} />}
      {open?.what === 'remove' && <Remove cluster={open.cluster} onClose={close} />}
    </Page>
  );
}

function List({ onOpen }: { onOpen: (open: Open) => void }) {
  const all = settingsTexts.use();
  const t = all.clusters;
  const clusters = useQuery(clustersQuery);
  return (
    <Ask query={clusters}>
      {(found) => (
        <DataTable
          label={t.title}
          source={rowsOf(found)}
          rowKey={(cluster) => cluster.cluster_id}
          columns={[
            { key: 'name', label: t.columns.name, cell: (cluster) => <Text fw={600} size="sm">{cluster.cluster_name}</Text> },
            { key: 'server', label: t.columns.server, cell: (cluster) => <Address cluster={cluster} /> },
            { key: 'namespaces', label: t.columns.namespaces, cell: (cluster) => (cluster.namespaces.length === 0 ? all.all : <code>{cluster.namespaces.join(', ')}</code>) },
            { key: 'login', label: t.columns.login, cell: (cluster) => t.logins[cluster.login as keyof typeof t.logins] ?? cluster.login },
            {
              key: 'state',
              label: t.columns.state,
              cell: (cluster) => (
                <CheckBadge works={cluster.checked_at === null || cluster.checked_at === undefined ? undefined : cluster.problem === ''} finding={cluster.problem} at={cluster.checked_at} />
              ),
            },
            { key: 'looked', label: t.columns.looked, cell: (cluster) => <Looked cluster={cluster} /> },
            { key: 'menu', label: '', align: 'end', cell: (cluster) => <Actions cluster={cluster} onOpen={onOpen} /> },
          ]}
          empty={
            <Empty icon={Server} title={t.empty}>
              {t.emptyHelp}
            </Empty>
          }
        />
      )}
    </Ask>
  );
}

function Address({ cluster }: { cluster: Cluster }) {
  return (
    <div>
      <Text size="sm" className="mono">
        {cluster.server}
      </Text>
      {cluster.version !== '' && (
        <Text size="xs" c="dimmed">
          Kubernetes {cluster.version}
        </Text>
      )}
    </div>
  );
}

function Looked({ cluster }: { cluster: Cluster }) {
  const all = settingsTexts.use();
  const problem = cluster.look_problem;
  return (
    <div>
      {cluster.looked_at === null || cluster.looked_at === undefined ? all.never : <Moment time={cluster.looked_at} />}
      {problem !== '' && (
        <Tooltip label={problem}>
          <Text size="xs" c="var(--mantine-color-error)" tabIndex={0} lineClamp={2} maw={220}>
            {problem}
          </Text>
        </Tooltip>
      )}
    </div>
  );
}

function Actions({ cluster, onOpen }: { cluster: Cluster; onOpen: (open: Open) => void }) {
  const t = settingsTexts.use().clusters;
  const queries = useQueryClient();
  const check = useMutation({
    mutationFn: () => data(api.POST('/v2/manage/clusters/{cluster_id}/check', { params: { path: { cluster_id: cluster.cluster_id } } })),
    onSuccess: (found) => {
      if (found.problem === '') done(t.ok(found.cluster_name, found.version));
      else failed(new Error(found.problem));
      return queries.invalidateQueries({ queryKey: ['clusters'] });
    },
    onError: failed,
  });
  return (
    <RowMenu
      name={cluster.cluster_name}
      busy={check.isPending}
      onCheck={() => check.mutate()}
      onEdit={() => onOpen({ what: 'edit', cluster })}
      onRemove={() => onOpen({ what: 'remove', cluster })}
    />
  );
}

function Remove({ cluster, onClose }: { cluster: Cluster; onClose: () => void }) {
  const t = settingsTexts.use().clusters.removal;
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.title(cluster.cluster_name)}
      goes={t.goes}
      stays={t.stays}
      confirm={frameTexts.now().delete}
      run={() => api.DELETE('/v2/manage/clusters/{cluster_id}', { params: { path: { cluster_id: cluster.cluster_id } } })}
      onDone={() => {
        done(t.done(cluster.cluster_name));
        void queries.invalidateQueries({ queryKey: ['clusters'] });
      }}
    />
  );
}
