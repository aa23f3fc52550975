import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function MirrorsPage() {
  return <NotFound />;
}
