import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function UsersPage() {
  return <NotFound />;
}
