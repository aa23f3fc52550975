import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function CenterPage() {
  return <NotFound />;
}
