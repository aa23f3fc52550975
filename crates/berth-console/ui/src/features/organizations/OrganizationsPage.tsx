import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function OrganizationsPage() {
  return <NotFound />;
}
