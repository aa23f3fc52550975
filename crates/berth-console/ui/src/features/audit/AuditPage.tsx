import { ActionIcon, Badge, Button, Modal, Text, UnstyledButton } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { CircleCheck, CircleX, Info, ScrollText } from 'lucide-react';
import { useState } from 'react';
import { useMaybeSession } from '../../app/session';
import { moment } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Copy } from '../../components/Copy';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Facts } from '../../components/Facts';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { useMarkerRows } from '../../components/rows';
import { AdministratorsOnly } from '../access/AdministratorsOnly';
import { type AuditFilter, type Event, FIELDS, readEvents } from './api';
import { AuditFilters } from './AuditFilters';
import { ExportButton } from './ExportButton';
import { auditTexts } from './texts';

/** Who did what in the account, for its administrators. */
export function AuditPage() {
  const t = auditTexts.use();
  const session = useMaybeSession();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const filter: AuditFilter = Object.fromEntries(
    FIELDS.map((field) => [field, typeof search[field] === 'string' || typeof search[field] === 'number' ? String(search[field]) : undefined]),
  );
  const set = (part: AuditFilter) => {
    const kept = Object.entries({ ...filter, ...part }).filter(([, value]) => value !== undefined && value !== '');
    void navigate({ to: '.', search: Object.fromEntries(kept), replace: true });
  };
  return (
    <Page title={t.title} intro={t.intro} actions={session?.administrator === true && <ExportButton filter={filter} />}>
      <AdministratorsOnly>
        <AuditFilters filter={filter} onChange={set} />
        <Panel flush>
          <Events filter={filter} onFilter={set} />
        </Panel>
      </AdministratorsOnly>
    </Page>
  );
}

function Events({ filter, onFilter }: { filter: AuditFilter; onFilter: (part: AuditFilter) => void }) {
  const t = auditTexts.use();
  const frame = frameTexts.use();
  const [shown, setShown] = useState<Event | null>(null);
  const source = useMarkerRows({ key: ['audit', filter], read: (marker) => readEvents(filter, marker) });
  const columns: Column<Event>[] = [
    {
      key: 'time',
      label: t.time,
      cell: (event) => (
        <time dateTime={event.time} className="tabular">
          {moment(event.time)}
        </time>
      ),
    },
    {
      key: 'user',
      label: t.user,
      cell: (event) => (
        <UnstyledButton className="row-link" title={t.onlyUser(event.user_name)} onClick={() => onFilter({ user: event.user_name })}>
          {event.user_name || t.nobody}
        </UnstyledButton>
      ),
    },
    { key: 'action', label: t.action, cell: (event) => <code>{event.action}</code> },
    { key: 'resource', label: t.resource, cell: (event) => event.resource || '–' },
    { key: 'result', label: t.result, cell: (event) => <Result event={event} /> },
    { key: 'source', label: t.source, cell: (event) => <span className="tabular">{event.source}</span> },
    {
      key: 'details',
      label: '',
      align: 'end',
      cell: (event) => (
        <ActionIcon variant="subtle" color="gray" aria-label={t.detailsOf(event.action)} onClick={() => setShown(event)}>
          <Info size={16} aria-hidden />
        </ActionIcon>
      ),
    },
  ];
  const filtered = FIELDS.some((field) => filter[field] !== undefined);
  return (
    <>
      <DataTable
        label={t.title}
        source={source}
        columns={columns}
        rowKey={(event) => `${event.time} ${event.request_id} ${event.action} ${event.resource}`}
        keys={{ Enter: setShown }}
        empty={
          filtered ? (
            <Empty
              icon={ScrollText}
              title={frame.nothingMatches}
              action={
                <Button variant="default" onClick={() => onFilter(Object.fromEntries(FIELDS.map((field) => [field, undefined])))}>
                  {t.clear}
                </Button>
              }
            />
          ) : (
            <Empty icon={ScrollText} title={t.empty}>
              {t.emptyHelp}
            </Empty>
          )
        }
      />
      {shown !== null && <Details event={shown} onClose={() => setShown(null)} />}
    </>
  );
}

function Result({ event }: { event: Event }) {
  const t = auditTexts.use();
  const done = event.result === 'success';
  const Icon = done ? CircleCheck : CircleX;
  return (
    <Badge variant="light" color={done ? 'teal' : 'red'} leftSection={<Icon size={12} aria-hidden />} tt="none">
      {done ? t.success : `${t.refused} · ${event.status}`}
    </Badge>
  );
}

function Details({ event, onClose }: { event: Event; onClose: () => void }) {
  const t = auditTexts.use();
  const frame = frameTexts.use();
  return (
    <Modal opened onClose={onClose} title={t.details} size="lg" closeButtonProps={{ 'aria-label': frame.close }}>
      <Facts
        facts={[
          [t.time, moment(event.time)],
          [t.user, event.user_name],
          ['ID', event.user_id ? <code key="id">{event.user_id}</code> : undefined],
          [t.credential, event.credential],
          [t.source, event.source],
          [t.action, <code key="action">{event.action}</code>],
          [t.resource, event.resource],
          [t.result, <Result key="result" event={event} />],
          [t.status, event.status],
          [t.code, event.code],
          [
            t.request,
            <Text key="request" size="sm" component="span">
              <code>{event.request_id}</code> <Copy text={event.request_id} what={t.request} />
            </Text>,
          ],
        ]}
      />
    </Modal>
  );
}
