import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import './Figures.css';

/** Figures side by side; `narrow` for where there is room for two. */
export function FigureList({ label, narrow = false, children }: { label: string; narrow?: boolean; children: ReactNode }) {
  return (
    <ul className={narrow ? 'figures figures-narrow' : 'figures'} aria-label={label}>
      {children}
    </ul>
  );
}

/** A figure with what it means; with `to` the way to what it counts. */
export function Figure({ label, value, note, to }: { label: string; value: ReactNode; note?: ReactNode; to?: string }) {
  return (
    <li className="panel figure">
      {to === undefined ? (
        <span className="figure-label">{label}</span>
      ) : (
        <Link to={to} className="figure-label">
          {label}
        </Link>
      )}
      <span className="figure-value tabular">{value}</span>
      {note !== undefined && <span className="figure-note tabular">{note}</span>}
    </li>
  );
}
