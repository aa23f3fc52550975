import { Button, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ShieldCheck } from 'lucide-react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { useMarkerRows } from '../../components/rows';
import { settingsTexts } from './texts';

type ShutOut = components['schemas']['ShutOutDocument'];

/** Who neither logs in nor pushes or pulls for a while, because of too many requests. */
export function ShutOuts() {
  const t = settingsTexts.use().shutOuts;
  const rows = useMarkerRows<ShutOut>({
    key: ['maintenance', 'shut-outs'],
    read: async (marker) => {
      const page = await data(api.GET('/v2/manage/shut-outs', { params: { query: { limit: 20, ...(marker === undefined ? {} : { marker }) } } }));
      return { rows: page.shut_outs, next: page.nextMarker };
    },
  });
  return (
    <Panel title={t.title} flush>
      <DataTable
        label={t.title}
        source={rows}
        rowKey={(row) => String(row.id)}
        columns={[
          { key: 'who', label: t.columns.who, cell: (row) => <Who row={row} /> },
          { key: 'reason', label: t.columns.reason, cell: (row) => <code>{row.reason}</code> },
          { key: 'began', label: t.columns.began, cell: (row) => <Moment time={row.began_at} /> },
          { key: 'ends', label: t.columns.ends, cell: (row) => <Moment time={row.ends_at} /> },
          { key: 'state', label: t.columns.state, cell: (row) => <State row={row} /> },
        ]}
        empty={
          <Empty icon={ShieldCheck} title={t.none}>
            {t.noneHelp}
          </Empty>
        }
      />
    </Panel>
  );
}

function Who({ row }: { row: ShutOut }) {
  const t = settingsTexts.use().shutOuts;
  if (row.account !== null && row.account !== undefined) return <>{t.account(row.account)}</>;
  return <>{t.address(row.address ?? '')}</>;
}

function State({ row }: { row: ShutOut }) {
  const t = settingsTexts.use().shutOuts;
  const queries = useQueryClient();
  const lift = useMutation({
    mutationFn: () => data(api.DELETE('/v2/manage/shut-outs/{shut_out_id}', { params: { path: { shut_out_id: row.id } } })),
    onSuccess: () => {
      done(t.lifted);
      return queries.invalidateQueries({ queryKey: ['maintenance', 'shut-outs'] });
    },
    onError: failed,
  });
  if (!row.in_force) {
    return (
      <Text size="sm" c="dimmed">
        {row.lifted_by === null || row.lifted_by === undefined ? t.ended : t.liftedBy(row.lifted_by)}
      </Text>
    );
  }
  return (
    <Button size="compact-sm" variant="default" loading={lift.isPending} onClick={() => lift.mutate()}>
      {t.lift}
    </Button>
  );
}
