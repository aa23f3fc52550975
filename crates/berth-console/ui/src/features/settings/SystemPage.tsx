import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function SystemPage() {
  return <NotFound />;
}
