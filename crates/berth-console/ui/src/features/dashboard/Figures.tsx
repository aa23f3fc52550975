import { useQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { bytes, count } from '../../app/format';
import { useLanguage } from '../../app/language';
import { useSession } from '../../app/session';
import { Figure, FigureList } from '../../components/Figures';
import type { Dashboard } from './DashboardPage';
import { dashboardTexts } from './texts';

/** Four figures, each the way to what it counts. */
export function Figures({ dashboard }: { dashboard: Dashboard }) {
  const t = dashboardTexts.use();
  useLanguage();
  const { figures, days } = dashboard;
  const pulls = days.reduce((sum, day) => sum + day.pulls, 0);
  const pushes = days.reduce((sum, day) => sum + day.pushes, 0);
  return (
    <FigureList label={t.figures}>
      <Figure label={t.images} value={count(figures.images)} note={t.inOrganizations(count(figures.organizations), figures.organizations)} to="/images" />
      <Figure label={t.tags} value={count(figures.tags)} note={t.perImage((figures.tags / Math.max(figures.images, 1)).toFixed(1))} to="/images" />
      <Storage held={figures.held_bytes} />
      <Figure label={t.pulls30} value={count(pulls)} note={t.pushes30(count(pushes), pushes)} to="/images" />
    </FigureList>
  );
}

/** What is stored once, and how much sharing layers saves: the ledger counts that for administrators, and takes longer. */
function Storage({ held }: { held: number }) {
  const t = dashboardTexts.use();
  const { administrator } = useSession();
  const ledger = useQuery({
    queryKey: ['dashboard', 'ledger'],
    enabled: administrator,
    staleTime: 5 * 60_000,
    queryFn: () => data(api.GET('/v2/manage/ledger')),
  });
  const stored = ledger.data?.blob_bytes;
  if (stored === undefined) return <Figure label={t.storage} value={bytes(held)} note={ledger.isError || !administrator ? t.heldByImages : t.counting} to="/images" />;
  const saved = Math.max(held - stored, 0);
  const share = held === 0 ? 0 : Math.round((saved / held) * 100);
  return <Figure label={t.storage} value={bytes(stored)} note={t.saved(bytes(saved), share)} to="/settings/storage" />;
}
