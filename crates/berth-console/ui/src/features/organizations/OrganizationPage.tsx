import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function OrganizationPage() {
  return <NotFound />;
}
