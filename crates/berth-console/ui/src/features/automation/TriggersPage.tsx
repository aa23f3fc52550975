import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function TriggersPage() {
  return <NotFound />;
}
