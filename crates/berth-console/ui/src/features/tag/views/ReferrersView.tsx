import { Badge } from '@mantine/core';
import { ShieldCheck } from 'lucide-react';
import { api, data } from '../../../api/client';
import type { components } from '../../../api/schema';
import { bytes } from '../../../app/format';
import { type Column, DataTable } from '../../../components/DataTable';
import { Digest } from '../../../components/Digest';
import { Empty } from '../../../components/Empty';
import { Moment } from '../../../components/Moment';
import { Panel } from '../../../components/Panel';
import { useOffsetRows } from '../../../components/rows';
import { shortTag } from '../names';
import { tagPath } from '../queries';
import { tagPageTexts } from '../texts.page';
import type { ViewProps } from './view';

type Accessory = components['schemas']['AccessoryDocument'];

const COLOURS: Record<string, string> = { 'signature.cosign': 'teal', 'signature.notation': 'teal', sbom: 'blue', attestation: 'grape' };

/** Signatures, lists of contents and what else belongs to an image. */
export function ReferrersView({ place }: ViewProps) {
  const t = tagPageTexts.use();
  const source = useOffsetRows<Accessory>({
    key: ['tag', place.org, place.image, place.tag, 'accessories'],
    size: 100,
    read: async (offset, limit) => {
      const page = await data(
        api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/accessories', {
          params: { path: tagPath(place), query: { offset, limit } },
        }),
      );
      return { rows: page.accessories, total: page.total };
    },
  });
  const kinds: Record<string, string> = t.referrers.kinds;
  const columns: Column<Accessory>[] = [
    {
      key: 'kind',
      label: t.referrers.kind,
      cell: (row) => (
        <Badge variant="light" color={COLOURS[row.type] ?? 'gray'} tt="none">
          {kinds[row.type] ?? row.type}
        </Badge>
      ),
    },
    { key: 'digest', label: t.referrers.digest, cell: (row) => <Digest digest={row.sig_digest} /> },
    { key: 'tag', label: t.referrers.tag, cell: (row) => (row.sig_tag === '' ? '–' : <code title={row.sig_tag}>{shortTag(row.sig_tag)}</code>) },
    { key: 'size', label: t.referrers.size, align: 'end', cell: (row) => bytes(row.size) },
    { key: 'created', label: t.referrers.created, cell: (row) => <Moment time={row.created_at} /> },
  ];
  return (
    <Panel flush>
      <DataTable
        label={t.referrers.title}
        source={source}
        columns={columns}
        rowKey={(row) => row.sig_digest}
        empty={
          <Empty icon={ShieldCheck} title={t.referrers.empty}>
            {t.referrers.emptyHelp}
          </Empty>
        }
      />
    </Panel>
  );
}
