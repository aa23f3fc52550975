import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function ClustersPage() {
  return <NotFound />;
}
