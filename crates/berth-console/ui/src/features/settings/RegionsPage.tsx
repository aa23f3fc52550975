import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function RegionsPage() {
  return <NotFound />;
}
