import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function UserPage() {
  return <NotFound />;
}
