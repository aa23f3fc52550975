import { Button, Group, Modal, Stack, Text, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { FilterX, Network, Plus, RefreshCw } from 'lucide-react';
import { useState } from 'react';
import { bytes, count, percent } from '../../app/format';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { Figure, FigureList } from '../../components/Figures';
import { FilterInput } from '../../components/FilterInput';
import { Moment } from '../../components/Moment';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { rowsOf } from '../../components/rows';
import { Administrators } from '../settings/Administrators';
import { Share } from '../settings/Share';
import { found, labelsOf, savedShare, sourcesOf, sum } from './agents';
import { type Agent, agentsQuery, LISTED_MAX } from './api';
import { Begin } from './Begin';
import './agents.css';
import { agentTexts } from './texts';

/** The nodes that share layers, and what that saves. */
export function AgentsPage() {
  const t = agentTexts.use();
  const session = useSession();
  const frame = frameTexts.use();
  const [adding, setAdding] = useState(false);
  return (
    <Page
      title={t.title}
      intro={t.intro}
      actions={
        session.administrator && (
          <Button leftSection={<Plus size={15} aria-hidden />} onClick={() => setAdding(true)}>
            {t.add}
          </Button>
        )
      }
    >
      <Administrators>
        <Agents />
      </Administrators>
      <Modal opened={adding} onClose={() => setAdding(false)} size="lg" title={t.begin.title} closeButtonProps={{ 'aria-label': frame.close }}>
        <Begin />
      </Modal>
    </Page>
  );
}

function Agents() {
  const t = agentTexts.use();
  const query = useQuery(agentsQuery);
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { q?: string };
  const filter = search.q ?? '';
  const choose = (q: string) => void navigate({ to: '.', search: q === '' ? {} : { q }, replace: true });
  return (
    <Ask query={query}>
      {({ agents, figures }) => {
        const shown = found(agents, filter);
        const total = figures ? { peers: figures.bytes_from_peers, registry: figures.bytes_from_registry } : sum(agents);
        return (
          <Stack gap="md">
            <Totals agents={agents.length} ofAll={figures?.connected} total={total} />
            {agents.length > 0 && (
              <Group>
                <FilterInput label={t.filter} value={filter} onChange={choose} />
                <Button variant="default" leftSection={<RefreshCw size={15} aria-hidden />} loading={query.isFetching && query.isRefetching} onClick={() => void query.refetch()}>
                  {t.refresh}
                </Button>
                {filter !== '' && (
                  <Text size="sm" c="dimmed" role="status">
                    {t.figures.shown(count(shown.length))}
                  </Text>
                )}
              </Group>
            )}
            <Panel flush>
              <AgentsTable agents={agents} shown={shown} onFilter={choose} />
            </Panel>
            {agents.length >= LISTED_MAX && (
              <Text size="sm" c="dimmed">
                {t.first(count(LISTED_MAX))}
              </Text>
            )}
          </Stack>
        );
      }}
    </Ask>
  );
}

function Totals({ agents, ofAll, total }: { agents: number; ofAll: number | undefined; total: { peers: number; registry: number } }) {
  const t = agentTexts.use().figures;
  const saved = savedShare(total);
  const since = ofAll === undefined ? undefined : t.totalAll;
  return (
    <>
      <FigureList label={t.title}>
        <Figure label={t.connected} value={count(agents)} note={ofAll === undefined || ofAll === agents ? t.ofAccount : t.ofAll(count(ofAll))} />
        <Figure label={t.peers} value={bytes(total.peers)} note={since ?? t.peersNote} />
        <Figure label={t.registry} value={bytes(total.registry)} note={since ?? t.registryNote} />
        <Figure label={t.saved} value={saved === undefined ? '–' : percent(saved)} note={saved === undefined ? t.savedNone : t.savedNote} />
      </FigureList>
      {saved !== undefined && (
        <Panel title={t.sources}>
          <Share
            parts={[
              { label: t.peers, value: total.peers },
              { label: t.registry, value: total.registry },
            ]}
          />
        </Panel>
      )}
    </>
  );
}

function AgentsTable({ agents, shown, onFilter }: { agents: Agent[]; shown: Agent[]; onFilter: (q: string) => void }) {
  const t = agentTexts.use();
  const frame = frameTexts.use();
  const columns: Column<Agent>[] = [
    { key: 'id', label: t.columns.agent, cell: (agent) => <Name agent={agent} /> },
    { key: 'labels', label: t.columns.labels, cell: (agent) => <Labels labels={labelsOf(agent.labels)} onFilter={onFilter} /> },
    { key: 'blobs', label: t.columns.blobs, align: 'end', cell: (agent) => count(agent.blobs) },
    { key: 'peers', label: t.columns.peers, align: 'end', cell: (agent) => bytes(agent.bytes_from_peers) },
    { key: 'registry', label: t.columns.registry, align: 'end', cell: (agent) => bytes(agent.bytes_from_registry) },
    { key: 'saved', label: t.columns.saved, align: 'end', cell: (agent) => shareOf(agent) },
    { key: 'user', label: t.columns.user, cell: (agent) => <span style={{ whiteSpace: 'nowrap' }}>{agent.user_name}</span> },
    { key: 'seen', label: t.columns.seen, cell: (agent) => <Moment time={agent.seen_at} /> },
  ];
  const nothing =
    agents.length > 0 ? (
      <Empty
        icon={FilterX}
        title={frame.nothingMatches}
        action={
          <Button variant="default" onClick={() => onFilter('')}>
            {frame.clearFilter}
          </Button>
        }
      />
    ) : (
      <>
        <Empty icon={Network} title={t.empty}>
          {t.emptyHelp}
        </Empty>
        <div className="agents-begin">
          <Begin />
        </div>
      </>
    );
  return <DataTable label={t.title} source={rowsOf(shown)} rowKey={(agent) => agent.id} columns={columns} empty={nothing} />;
}

/** Where it is reached, and what it calls itself. */
function Name({ agent }: { agent: Agent }) {
  return (
    <div style={{ overflowWrap: 'anywhere' }}>
      <code>{agent.address}</code>
      <Text size="xs" c="dimmed" className="mono">
        {agent.id}
      </Text>
    </div>
  );
}

function shareOf(agent: Agent): string {
  const saved = savedShare(sourcesOf(agent));
  return saved === undefined ? '–' : percent(saved);
}

function Labels({ labels, onFilter }: { labels: string[]; onFilter: (q: string) => void }) {
  const t = agentTexts.use();
  if (labels.length === 0) return '–';
  return (
    <Group gap={4}>
      {labels.map((label) => (
        <UnstyledButton key={label} className="label-chip" aria-label={t.byLabel(label)} onClick={() => onFilter(label)}>
          {label}
        </UnstyledButton>
      ))}
    </Group>
  );
}
