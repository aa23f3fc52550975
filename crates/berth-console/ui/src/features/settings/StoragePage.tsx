import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function StoragePage() {
  return <NotFound />;
}
