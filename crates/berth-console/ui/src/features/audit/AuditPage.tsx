import { NotFound } from '../../components/NotFound';

/** Not built yet. */
export function AuditPage() {
  return <NotFound />;
}
