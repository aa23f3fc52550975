import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function LoginsPage() {
  return <NotFound />;
}
