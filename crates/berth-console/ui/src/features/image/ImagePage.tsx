import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function ImagePage() {
  return <NotFound />;
}
