import { Button, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { RotateCw } from 'lucide-react';
import { api, data } from '../../api/client';
import { DataTable } from '../../components/DataTable';
import { Moment } from '../../components/Moment';
import { done, failed } from '../../components/notify';
import { Panel } from '../../components/Panel';
import { useMarkerRows } from '../../components/rows';
import { type Delivery, redeliver } from '../triggers/api';
import { automationTexts } from './texts';

/** What webhooks of all images could not deliver; nothing when there is nothing. */
export function DeadDeliveries() {
  const t = automationTexts.use().dead;
  const rows = useMarkerRows<Delivery>({
    key: ['triggers', 'dead'],
    read: async (marker) => {
      const page = await data(api.GET('/v2/manage/webhooks/dead', { params: { query: { limit: 50, ...(marker === undefined ? {} : { marker }) } } }));
      return { rows: page.deliveries, next: page.nextMarker?.toString() };
    },
  });
  if (rows.count === undefined || rows.count === 0) return null;
  return (
    <Panel title={t.title} flush>
      <DataTable
        label={t.title}
        source={rows}
        rowKey={(one) => String(one.id)}
        columns={[
          {
            key: 'image',
            label: t.image,
            cell: (one) => (
              <Link to="/images/$org/$image" params={{ org: one.namespace, image: one.repository }} search={{ tab: 'triggers', trigger: one.trigger }} className="row-link">
                {one.namespace}/{one.repository}
              </Link>
            ),
          },
          { key: 'trigger', label: t.trigger, cell: (one) => one.trigger },
          { key: 'tag', label: t.tag, cell: (one) => <code>{one.tag}</code> },
          { key: 'url', label: t.url, cell: (one) => <Text size="sm" className="mono">{one.url}</Text> },
          { key: 'why', label: t.why, cell: (one) => one.error },
          { key: 'when', label: t.when, cell: (one) => <Moment time={one.attempted_at} /> },
          { key: 'again', label: '', align: 'end', cell: (one) => <Again delivery={one} /> },
        ]}
        empty={null}
      />
    </Panel>
  );
}

function Again({ delivery }: { delivery: Delivery }) {
  const t = automationTexts.use().dead;
  const queries = useQueryClient();
  const again = useMutation({
    mutationFn: () => redeliver({ org: delivery.namespace, image: delivery.repository }, delivery.trigger, delivery.id),
    onSuccess: () => {
      done(t.done);
      return queries.invalidateQueries({ queryKey: ['triggers'] });
    },
    onError: failed,
  });
  return (
    <Button size="compact-sm" variant="default" leftSection={<RotateCw size={13} aria-hidden />} aria-label={t.againOf(delivery.trigger, delivery.tag)} loading={again.isPending} onClick={() => again.mutate()}>
      {t.again}
    </Button>
  );
}
