import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function RetentionPage() {
  return <NotFound />;
}
