import { Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { CircleAlert, CircleCheck, Clock, TriangleAlert } from 'lucide-react';
import { bytes, count, moment } from '../../app/format';
import { useLanguage } from '../../app/language';
import { Panel } from '../../components/Panel';
import type { Dashboard } from './DashboardPage';
import { type DashboardWords, dashboardTexts } from './texts';

type Entry = Dashboard['attention'][number];

/** What somebody has to look at: what it is, where, and the way there. */
export function Attention({ entries }: { entries: Entry[] }) {
  const t = dashboardTexts.use();
  useLanguage();
  return (
    <Panel title={t.attention}>
      {entries.length === 0 ? (
        <Group gap={8} c="dimmed">
          <CircleCheck size={18} aria-hidden />
          <Text size="sm">{t.allWell}</Text>
        </Group>
      ) : (
        <ul className="rows">
          {entries.map((entry, index) => (
            <Row key={`${entry.kind} ${entry.namespace ?? ''} ${entry.repository ?? ''} ${entry.name ?? ''} ${entry.run_id ?? index}`} entry={entry} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Row({ entry }: { entry: Entry }) {
  const t = dashboardTexts.use();
  const { icon: Icon, tone } = looks(entry.kind);
  const { to, params } = way(entry);
  return (
    <li className="attention">
      <Icon size={17} className={`attention-${tone}`} aria-label={t.tones[tone]} role="img" />
      <div className="attention-text">
        <Link className="row-link" to={to} params={params}>
          {says(t, entry)}
        </Link>
        <span className="rows-note">{beside(t, entry)}</span>
      </div>
    </li>
  );
}

function looks(kind: Entry['kind']) {
  switch (kind) {
    case 'damage':
    case 'cluster_away':
    case 'region_away':
    case 'trigger_failed':
    case 'delivery_failed':
    case 'sync_failed':
    case 'retention_failed':
      return { icon: CircleAlert, tone: 'bad' } as const;
    case 'quota':
      return { icon: TriangleAlert, tone: 'warning' } as const;
    default:
      return { icon: Clock, tone: 'warning' } as const;
  }
}

/** Where one can do something about it. */
function way({ kind, namespace, repository }: Entry): { to: string; params: Record<string, string> } {
  const image = { to: '/images/$org/$image', params: { org: namespace ?? '', image: repository ?? '' } };
  switch (kind) {
    case 'damage':
      return { to: '/settings/storage', params: {} };
    case 'cluster_away':
      return { to: '/settings/clusters', params: {} };
    case 'region_away':
      return { to: '/settings/regions', params: {} };
    case 'quota':
      return !namespace ? { to: '/organizations', params: {} } : { to: '/organizations/$org', params: { org: namespace } };
    case 'key_ends':
    case 'key_unused':
      return { to: '/access/keys', params: {} };
    case 'login_ends':
      return { to: '/access/logins', params: {} };
    default:
      return image;
  }
}

function says(t: DashboardWords, entry: Entry): string {
  const name = entry.name ?? '';
  switch (entry.kind) {
    case 'damage':
      return t.damage(entry.used ?? 0);
    case 'cluster_away':
      return t.clusterAway(name);
    case 'region_away':
      return t.regionAway(name);
    case 'trigger_failed':
      return t.triggerFailed(name);
    case 'delivery_failed':
      return t.deliveryFailed(name);
    case 'sync_failed':
      return t.syncFailed(name);
    case 'retention_failed':
      return t.retentionFailed;
    case 'quota':
      return t.quota(quotaOf(t, name), figure(name, entry.used ?? 0), figure(name, entry.limit ?? 0));
    case 'share_ends':
      return t.shareEnds(name);
    case 'key_ends':
      return t.keyEnds(name);
    case 'login_ends':
      return t.loginEnds;
    case 'key_unused':
      return t.keyUnused(name);
  }
}

function quotaOf(t: DashboardWords, name: string): string {
  return name === 'organizations' || name === 'images' || name === 'bytes' ? t.quotas[name] : name;
}

function figure(of: string, value: number): string {
  return of === 'bytes' ? bytes(value) : count(value);
}

function beside(t: DashboardWords, entry: Entry): string {
  const tag = entry.tag ? `:${entry.tag}` : '';
  const place = entry.repository ? `${entry.namespace}/${entry.repository}${tag}` : entry.namespace;
  const time = entry.at ? timed(t, entry.kind, moment(entry.at)) : '';
  return [place, entry.user_name, entry.detail, time].filter(Boolean).join(' · ');
}

function timed(t: DashboardWords, kind: Entry['kind'], at: string): string {
  if (kind === 'share_ends' || kind === 'key_ends' || kind === 'login_ends') return t.ends(at);
  return kind === 'key_unused' ? t.made(at) : at;
}
