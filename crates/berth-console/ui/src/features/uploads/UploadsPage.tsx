import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function UploadsPage() {
  return <NotFound />;
}
