import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function GroupsPage() {
  return <NotFound />;
}
