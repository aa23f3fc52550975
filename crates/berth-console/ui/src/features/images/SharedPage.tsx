import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function SharedPage() {
  return <NotFound />;
}
