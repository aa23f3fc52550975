import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function BinPage() {
  return <NotFound />;
}
