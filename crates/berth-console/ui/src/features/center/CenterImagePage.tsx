import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function CenterImagePage() {
  return <NotFound />;
}
