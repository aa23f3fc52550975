import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function DashboardPage() {
  return <NotFound />;
}
