import { Group } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { ShieldCheck } from 'lucide-react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { DataTable } from '../../components/DataTable';
import { Digest } from '../../components/Digest';
import { Empty } from '../../components/Empty';
import { Moment } from '../../components/Moment';
import { Panel } from '../../components/Panel';
import { useMarkerRows } from '../../components/rows';
import { isForbidden } from './StoragePage';
import { settingsTexts } from './texts';

type Damage = components['schemas']['DamagedDocument'];

/** What a read or the scrub found wrong, and which images that touches. */
export function Damaged() {
  const t = settingsTexts.use().storage;
  const rows = useMarkerRows<Damage>({
    key: ['maintenance', 'damaged'],
    read: async (marker) => {
      const page = await data(api.GET('/v2/manage/maintenance/damaged', { params: { query: { limit: 50, ...(marker === undefined ? {} : { marker }) } } }));
      return { rows: page.damaged, next: page.nextMarker };
    },
  });
  // The panel above says already that this is for others.
  if (isForbidden(rows.error)) return null;
  return (
    <Panel title={t.damaged} flush>
      <DataTable
        label={t.damaged}
        source={rows}
        rowKey={(row) => row.digest}
        columns={[
          { key: 'digest', label: t.damage.digest, cell: (row) => <Digest digest={row.digest} /> },
          { key: 'kind', label: t.damage.kind, cell: (row) => row.kind },
          { key: 'damage', label: t.damage.damage, cell: (row) => row.damage },
          { key: 'found', label: t.damage.found, cell: (row) => <Moment time={row.found_at} /> },
          { key: 'affected', label: t.damage.affected, cell: (row) => <Affected row={row} /> },
        ]}
        empty={
          <Empty icon={ShieldCheck} title={t.noDamage}>
            {t.noDamageHelp}
          </Empty>
        }
      />
    </Panel>
  );
}

function Affected({ row }: { row: Damage }) {
  return (
    <Group gap={8}>
      {row.affected.slice(0, 6).map(({ repository, tag }) => {
        const [org = '', ...image] = repository.split('/');
        const name = tag === null || tag === undefined ? repository : `${repository}:${tag}`;
        return (
          <Link key={name} to="/images/$org/$image" params={{ org, image: image.join('/') }} className="row-link">
            {name}
          </Link>
        );
      })}
      {row.affected.length > 6 && <span>+{row.affected.length - 6}</span>}
    </Group>
  );
}
