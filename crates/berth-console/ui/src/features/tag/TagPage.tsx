import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function TagPage() {
  return <NotFound />;
}
