import { SegmentedControl } from '@mantine/core';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useLanguage } from '../../app/language';
import { Panel } from '../../components/Panel';
import type { Dashboard } from './DashboardPage';
import { Plot, type Point } from './Plot';
import { dashboardTexts } from './texts';

type Counts = Dashboard['days'][number];

/** Pulls and pushes, in panels of their own: they differ too much for one axis. */
export function Course({ dashboard }: { dashboard: Dashboard }) {
  const t = dashboardTexts.use();
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const monthly = search['by'] === 'month';
  const counted = monthly ? dashboard.months : dashboard.days;
  const choose = (by: string) => {
    void navigate({ to: '.', search: (old: Record<string, unknown>) => ({ ...old, by: by === 'month' ? 'month' : undefined }), replace: true });
  };
  const choice = (
    <SegmentedControl
      size="xs"
      aria-label={t.steps}
      value={monthly ? 'month' : 'day'}
      onChange={choose}
      data={[
        { value: 'day', label: t.byDay },
        { value: 'month', label: t.byMonth },
      ]}
    />
  );
  return (
    <div className="dashboard-pair">
      <Panel title={monthly ? t.pullsByMonth : t.pullsByDay} actions={choice}>
        <Plot title={t.pulls} points={usePoints(counted, monthly, (day) => day.pulls)} hue={1} />
      </Panel>
      <Panel title={monthly ? t.pushesByMonth : t.pushesByDay}>
        <Plot title={t.pushes} points={usePoints(counted, monthly, (day) => day.pushes)} hue={4} />
      </Panel>
    </div>
  );
}

function usePoints(counted: Counts[], monthly: boolean, value: (counts: Counts) => number): Point[] {
  const locale = useLanguage() === 'zh' ? 'zh-CN' : 'en-GB';
  const full = new Intl.DateTimeFormat(locale, monthly ? { year: 'numeric', month: 'long', timeZone: 'UTC' } : { dateStyle: 'long', timeZone: 'UTC' });
  const brief = new Intl.DateTimeFormat(locale, monthly ? { month: 'short', timeZone: 'UTC' } : { day: 'numeric', month: 'short', timeZone: 'UTC' });
  return counted.map((counts) => {
    const date = new Date(`${counts.date}T00:00:00Z`);
    return { label: full.format(date), short: brief.format(date), value: value(counts) };
  });
}
