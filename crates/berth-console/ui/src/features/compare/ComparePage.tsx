import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function ComparePage() {
  return <NotFound />;
}
