import { Badge, Button, Drawer, Stack, Text, UnstyledButton } from '@mantine/core';
import '@mantine/core/styles/Drawer.layer.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Globe, Plus } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
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
import { type Region, regionsQuery } from '../sync/api';
import { StandingBadges } from '../sync/parts';
import { Fact } from '../triggers/RunList';
import { Administrators } from './Administrators';
import { CheckBadge } from './CheckBadge';
import { RegionDialog } from './RegionDialog';
import { RowMenu } from './RowMenu';
import { settingsTexts } from './texts';

type Open = { what: 'add' } | { what: 'edit' | 'remove' | 'look'; region: Region };

/** The registries that the account sends images to. */
export function RegionsPage() {
  const t = settingsTexts.use().regions;
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
          <List here={session.project_name} onOpen={setOpen} />
        </Panel>
      </Administrators>
      {open?.what === 'add' && <RegionDialog onClose={close} />}
      {open?.what === 'edit' && <RegionDialog region={open.region} onClose={close} />}
      {open?.what === 'look' && <Details region={open.region} onClose={close} />}
      {open?.what === 'remove' && <Remove region={open.region} onClose={close} />}
    </Page>
  );
}

function List({ here, onOpen }: { here: string; onOpen: (open: Open) => void }) {
  const t = settingsTexts.use().regions;
  const regions = useQuery(regionsQuery);
  return (
    <Ask query={regions}>
      {(found) => (
        <>
          <DataTable
            label={t.title}
            source={rowsOf(found)}
            rowKey={(region) => region.regionID}
            columns={[
              {
                key: 'name',
                label: t.columns.name,
                cell: (region) =>
                  region.regionID === here ? (
                    <>
                      <Text span fw={600} size="sm">
                        {region.regionID}
                      </Text>{' '}
                      <Badge variant="light" color="gray">
                        {t.here}
                      </Badge>
                    </>
                  ) : (
                    <UnstyledButton className="row-link" onClick={() => onOpen({ what: 'look', region })}>
                      {region.regionID}
                    </UnstyledButton>
                  ),
              },
              { key: 'address', label: t.columns.address, cell: (region) => <Text size="sm" className="mono">{region.registryURL}</Text> },
              {
                key: 'state',
                label: t.columns.state,
                cell: (region) => (region.regionID === here ? '–' : <CheckBadge works={region.usable ?? undefined} finding={region.finding ?? ''} at={region.checked_at} />),
              },
              { key: 'menu', label: '', align: 'end', cell: (region) => region.regionID !== here && <Actions region={region} onOpen={onOpen} /> },
            ]}
            empty={<Empty icon={Globe} title={t.empty} />}
          />
          {found.length <= 1 && (
            <Empty icon={Globe} title={t.empty}>
              {t.emptyHelp}
            </Empty>
          )}
        </>
      )}
    </Ask>
  );
}

function Actions({ region, onOpen }: { region: Region; onOpen: (open: Open) => void }) {
  const t = settingsTexts.use().regions;
  const queries = useQueryClient();
  const check = useMutation({
    mutationFn: () => data(api.POST('/v2/manage/regions/{region_id}/check', { params: { path: { region_id: region.regionID } } })),
    onSuccess: (found) => {
      const told = t.ok(found.regionID, found.finding ?? '');
      if (found.usable === true) done(told);
      else failed(new Error(told));
      return queries.invalidateQueries({ queryKey: ['regions'] });
    },
    onError: failed,
  });
  return (
    <RowMenu
      name={region.regionID}
      busy={check.isPending}
      onCheck={() => check.mutate()}
      onEdit={() => onOpen({ what: 'edit', region })}
      onRemove={() => onOpen({ what: 'remove', region })}
    />
  );
}

/** A region with how what is sent there stands. */
function Details({ region, onClose }: { region: Region; onClose: () => void }) {
  const all = settingsTexts.use();
  const t = all.regions;
  const query = useQuery({
    queryKey: ['regions', region.regionID],
    queryFn: () => data(api.GET('/v2/manage/regions/{region_id}', { params: { path: { region_id: region.regionID } } })),
  });
  return (
    <Drawer opened onClose={onClose} position="right" size="md" title={t.details(region.regionID)} closeButtonProps={{ 'aria-label': frameTexts.now().close }}>
      <Ask query={query}>
        {(found) => (
          <Stack gap="xs">
            <Fact label={t.columns.address}>
              <code>{found.registryURL}</code>
            </Fact>
            <Fact label={t.columns.state}>
              <CheckBadge works={found.usable ?? undefined} finding={found.finding ?? ''} at={found.checked_at} />
              {found.usable === true && <Text size="sm">{found.finding}</Text>}
            </Fact>
            <Fact label={t.columns.sync}>
              <StandingBadges standing={found.sync} />
              {found.sync.pausedBecause !== '' && <Text size="sm">{found.sync.pausedBecause}</Text>}
            </Fact>
            <Fact label={all.login.label}>{found.has_login ? all.login.kept : all.login.none}</Fact>
            {found.registry_id !== '' && (
              <Fact label={t.registry}>
                <code>{found.registry_id}</code>
              </Fact>
            )}
            <Fact label={t.changed}>
              <Moment time={found.updated_at} />
            </Fact>
          </Stack>
        )}
      </Ask>
    </Drawer>
  );
}

function Remove({ region, onClose }: { region: Region; onClose: () => void }) {
  const t = settingsTexts.use().regions.removal;
  const queries = useQueryClient();
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.title(region.regionID)}
      goes={t.goes}
      stays={t.stays}
      confirm={frameTexts.now().delete}
      run={() => api.DELETE('/v2/manage/regions/{region_id}', { params: { path: { region_id: region.regionID } } })}
      onDone={() => {
        done(t.done(region.regionID));
        void queries.invalidateQueries({ queryKey: ['regions'] });
      }}
    />
  );
}
