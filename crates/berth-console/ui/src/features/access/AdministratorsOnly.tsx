import { Lock } from 'lucide-react';
import type { ReactNode } from 'react';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Empty } from '../../components/Empty';

/** What only administrators of the account may see; others are told so, or see nothing where it is `quiet`. */
export function AdministratorsOnly({ children, quiet = false }: { children: ReactNode; quiet?: boolean }) {
  const t = frameTexts.use();
  if (useSession().administrator) return children;
  if (quiet) return null;
  return (
    <Empty icon={Lock} title={t.noRight}>
      {t.needs.administrator}
    </Empty>
  );
}
