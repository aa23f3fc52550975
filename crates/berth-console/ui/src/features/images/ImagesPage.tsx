import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function ImagesPage() {
  return <NotFound />;
}
