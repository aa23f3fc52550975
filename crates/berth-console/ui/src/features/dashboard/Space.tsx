import { bytes } from '../../app/format';
import { Panel } from '../../components/Panel';
import { Bars } from './Bars';
import type { Dashboard } from './DashboardPage';
import { dashboardTexts } from './texts';

/** Who holds how much: the largest organizations, and the others together. */
export function Space({ space, others, organizations }: { space: Dashboard['space']; others: number; organizations: number }) {
  const t = dashboardTexts.use();
  const bars = space.map((entry) => ({
    name: entry.namespace,
    to: '/organizations/$org',
    params: { org: entry.namespace },
    value: entry.bytes,
    told: bytes(entry.bytes),
  }));
  const rest = organizations - space.length;
  const all = rest > 0 ? [...bars, { name: t.otherOrganizations(rest), value: others, told: bytes(others) }] : bars;
  return (
    <Panel title={t.space}>
      <Bars bars={all} hue={3} label={t.space} />
    </Panel>
  );
}
