import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function ImmutabilityPage() {
  return <NotFound />;
}
