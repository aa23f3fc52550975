import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { KeyRound, Upload } from 'lucide-react';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { Ask } from '../../components/Ask';
import { Page } from '../../components/Page';
import { Attention } from './Attention';
import { Course } from './Course';
import './dashboard.css';
import { Figures } from './Figures';
import { Newest } from './Newest';
import { Pulled } from './Pulled';
import { Runs } from './Runs';
import { Space } from './Space';
import { Steps } from './Steps';
import { dashboardTexts } from './texts';

/** What the page shows, in one answer. */
export type Dashboard = components['schemas']['DashboardBody'];

/** What somebody wants to know first; for somebody new, what to do first. */
export function DashboardPage() {
  const t = dashboardTexts.use();
  const query = useQuery({
    queryKey: ['dashboard'],
    queryFn: () => data(api.GET('/v2/manage/dashboard')),
  });
  const actions = (
    <>
      <Button component={Link} to="/access/logins" variant="default" leftSection={<KeyRound size={16} aria-hidden />}>
        {t.login}
      </Button>
      <Button component={Link} to="/uploads" leftSection={<Upload size={16} aria-hidden />}>
        {t.upload}
      </Button>
    </>
  );
  return (
    <Page title={t.title} actions={actions}>
      <Ask query={query} rows={10}>
        {(dashboard) => <Content dashboard={dashboard} />}
      </Ask>
    </Page>
  );
}

function Content({ dashboard }: { dashboard: Dashboard }) {
  const { figures, steps } = dashboard;
  const isNew = figures.images === 0;
  return (
    <>
      <Steps steps={steps} />
      {!isNew && (
        <div className="dashboard">
          <Figures dashboard={dashboard} />
          <Course dashboard={dashboard} />
          <div className="dashboard-columns">
            <div className="dashboard-column">
              <Newest tags={dashboard.newest} />
              <Space space={dashboard.space} others={dashboard.space_of_others} organizations={figures.organizations} />
            </div>
            <div className="dashboard-column">
              <Attention entries={dashboard.attention} />
              <Runs runs={dashboard.runs} />
              <Pulled images={dashboard.most_pulled} />
            </div>
          </div>
        </div>
      )}
      {isNew && dashboard.attention.length > 0 && <Attention entries={dashboard.attention} />}
    </>
  );
}
