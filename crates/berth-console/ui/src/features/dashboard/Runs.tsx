import { Link } from '@tanstack/react-router';
import { count } from '../../app/format';
import { Panel } from '../../components/Panel';
import type { Dashboard } from './DashboardPage';
import { dashboardTexts } from './texts';

const PLACES = { trigger: '/automation/triggers', webhook: '/automation/triggers', sync: '/automation/sync', retention: '/automation/retention' } as const;

/** What works beside the pages: how much waits, runs and failed. */
export function Runs({ runs }: { runs: Dashboard['runs'] }) {
  const t = dashboardTexts.use();
  return (
    <Panel title={t.runs}>
      <table className="runs tabular">
        <thead>
          <tr>
            <th scope="col">{t.run}</th>
            <th scope="col">{t.waiting}</th>
            <th scope="col">{t.running}</th>
            <th scope="col">{t.failed7}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.kind}>
              <th scope="row">
                <Link className="row-link" to={PLACES[run.kind]}>
                  {t.kinds[run.kind]}
                </Link>
              </th>
              <td>{count(run.waiting)}</td>
              <td>{count(run.running)}</td>
              <td className={run.failed > 0 ? 'runs-failed' : undefined}>{count(run.failed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
