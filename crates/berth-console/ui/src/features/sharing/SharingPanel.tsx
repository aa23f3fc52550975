import { ActionIcon, Alert, Group, Text, Tooltip } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Globe2, Lock, Pencil, Share2, Trash2 } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { allows, type ImagePanelProps } from '../image/panel';
import { imageQuery } from '../image/useImage';
import { sharingTexts } from './texts';
import { Until } from './Until';

const ShareDialog = lazy(() => import('./ShareDialog').then((module) => ({ default: module.ShareDialog })));

/** A share of an image with an account. */
export type Share = components['schemas']['ShareRow'];

const SHARES_MAX = 500;
/** From how many on the limit is worth a word. */
const SHARES_MANY = 400;

/** With which accounts an image is shared, for who manages it. */
export function SharingPanel(props: ImagePanelProps) {
  const t = sharingTexts.use();
  const frame = frameTexts.use();
  if (!allows(props.right, 'manage')) {
    return (
      <Panel>
        <Empty icon={Lock} title={t.noRight}>
          {frame.needs.manage}
        </Empty>
      </Panel>
    );
  }
  return <Shares {...props} />;
}

function Shares({ org, image }: ImagePanelProps) {
  const t = sharingTexts.use();
  const isPublic = useQuery(imageQuery(org, image)).data?.is_public ?? false;
  const [asked, setAsked] = useState<{ share: Share | null } | null>(null);
  const path = { namespace: org, repository: inPath(image) };
  const query = useQuery({
    queryKey: ['image', org, image, 'shares'],
    queryFn: () => data(api.GET('/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains', { params: { path } })),
    placeholderData: undefined,
  });
  const shares = query.data ?? [];
  const reason = isPublic ? t.publicHelp : shares.length >= SHARES_MAX ? t.full(count(SHARES_MAX)) : undefined;
  const add = (
    <ActionButton size="xs" leftSection={<Share2 size={15} aria-hidden />} reason={reason} onClick={() => setAsked({ share: null })}>
      {t.share}
    </ActionButton>
  );
  return (
    <Panel title={t.title} flush actions={add}>
      <div className="panel-body">
        {isPublic ? (
          <Alert variant="light" color="tide" icon={<Globe2 size={18} aria-hidden />} title={t.publicTitle}>
            {t.publicHelp} {shares.length > 0 && t.publicKept}
          </Alert>
        ) : (
          <Text size="sm" c="dimmed">
            {t.intro}
          </Text>
        )}
      </div>
      <Ask query={query}>{(all) => <Table org={org} image={image} shares={all} onEdit={(share) => setAsked({ share })} />}</Ask>
      {asked !== null && (
        <Suspense fallback={null}>
          <ShareDialog org={org} image={image} share={asked.share} taken={shares.map((share) => share.access_domain)} onClose={() => setAsked(null)} />
        </Suspense>
      )}
    </Panel>
  );
}

function Table({ org, image, shares, onEdit }: { org: string; image: string; shares: Share[]; onEdit: (share: Share) => void }) {
  const t = sharingTexts.use();
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [text, setText] = useState('');
  const [ending, setEnding] = useState<Share | null>(null);
  const low = text.toLowerCase();
  const shown = shares.filter((share) => share.access_domain.toLowerCase().includes(low) || share.description.toLowerCase().includes(low));
  const columns: Column<Share>[] = [
    { key: 'account', label: t.columns.account, cell: (share) => <Text fw={600}>{share.access_domain}</Text> },
    { key: 'until', label: t.columns.until, cell: (share) => <Until deadline={share.deadline} valid={share.status} /> },
    { key: 'description', label: t.columns.description, cell: (share) => share.description || <Text span c="dimmed">–</Text> },
    { key: 'permission', label: t.columns.permission, cell: () => t.pull },
    { key: 'creator', label: t.columns.creator, cell: (share) => share.creator_name },
    {
      key: 'actions',
      label: '',
      width: 90,
      cell: (share) => (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <Tooltip label={t.editOf(share.access_domain)}>
            <ActionIcon variant="subtle" color="gray" aria-label={t.editOf(share.access_domain)} onClick={() => onEdit(share)}>
              <Pencil size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={t.endOf(share.access_domain)}>
            <ActionIcon variant="subtle" color="gray" aria-label={t.endOf(share.access_domain)} onClick={() => setEnding(share)}>
              <Trash2 size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      ),
    },
  ];
  return (
    <>
      {(shares.length > 8 || shares.length >= SHARES_MANY) && (
        <Group className="panel-body" justify="space-between">
          <FilterInput value={text} onChange={setText} label={t.filter} />
          {shares.length >= SHARES_MANY && <Text size="sm">{t.count(count(shares.length), count(SHARES_MAX))}</Text>}
        </Group>
      )}
      <DataTable
        label={t.title}
        source={rowsOf(shown)}
        columns={columns}
        rowKey={(share) => share.access_domain}
        empty={
          shares.length === 0 ? (
            <Empty icon={Share2} title={t.empty}>
              {t.emptyHelp}
            </Empty>
          ) : (
            <Text ta="center" c="dimmed" p="md">
              {frame.nothingMatches}
            </Text>
          )
        }
      />
      {ending !== null && (
        <Confirm
          opened
          onClose={() => setEnding(null)}
          title={t.endOf(ending.access_domain)}
          goes={[t.remove.goes(ending.access_domain, `${org}/${image}`)]}
          stays={[t.remove.stays(`${org}/${image}`)]}
          confirm={t.end}
          run={() =>
            api.DELETE('/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}', {
              params: { path: { namespace: org, repository: inPath(image), access_domain: ending.access_domain } },
            })
          }
          onDone={() => {
            notify.done(t.remove.done(ending.access_domain));
            void queries.invalidateQueries({ queryKey: ['image', org, image] });
            void queries.invalidateQueries({ queryKey: ['shares'] });
            void queries.invalidateQueries({ queryKey: ['images'] });
          }}
        />
      )}
    </>
  );
}
