import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function AccountPage() {
  return <NotFound />;
}
