import { Lock } from 'lucide-react';
import type { ReactNode } from 'react';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Empty } from '../../components/Empty';
import { settingsTexts } from './texts';

/** What administrators of the account see; everybody else reads that they may not. */
export function Administrators({ children }: { children: ReactNode }) {
  const t = settingsTexts.use();
  const frame = frameTexts.use();
  if (useSession().administrator) return children;
  return (
    <Empty icon={Lock} title={frame.noRight}>
      {t.administrators}
    </Empty>
  );
}
