import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function KeysPage() {
  return <NotFound />;
}
