import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function GroupPage() {
  return <NotFound />;
}
