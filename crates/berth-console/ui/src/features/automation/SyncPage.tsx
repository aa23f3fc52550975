import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function SyncPage() {
  return <NotFound />;
}
