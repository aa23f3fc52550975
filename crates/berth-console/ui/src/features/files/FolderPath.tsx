import { ChevronRight } from 'lucide-react';
import { Fragment } from 'react';
import { filesTexts } from './texts';

/** The way to a folder; each step leads there. */
export function FolderPath({ path, open }: { path: string; open: (path: string) => void }) {
  const t = filesTexts.use();
  const parts = path === '' ? [] : path.split('/');
  return (
    <nav className="file-crumbs mono" aria-label={t.folders}>
      <button type="button" onClick={() => open('')} aria-label={t.root} aria-current={parts.length === 0 ? 'location' : undefined}>
        /
      </button>
      {parts.map((part, index) => (
        <Fragment key={index}>
          {index > 0 && <ChevronRight size={13} aria-hidden style={{ opacity: 0.6 }} />}
          <button type="button" onClick={() => open(parts.slice(0, index + 1).join('/'))} aria-current={index === parts.length - 1 ? 'location' : undefined}>
            {part}
          </button>
        </Fragment>
      ))}
    </nav>
  );
}
