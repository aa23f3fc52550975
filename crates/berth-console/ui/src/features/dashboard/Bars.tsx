import { Link } from '@tanstack/react-router';

/** A row of a bar chart: what it is, the way to it, how long its bar is, and what stands beside it. */
export interface Bar {
  name: string;
  to?: string;
  params?: Record<string, string>;
  value: number;
  told: string;
}

/** Horizontal bars: a list, because their names and figures are texts; the bars are only drawings of them. */
export function Bars({ bars, hue, label }: { bars: Bar[]; hue: number; label: string }) {
  const largest = Math.max(...bars.map((bar) => bar.value), 1);
  return (
    <ul className="bars" aria-label={label}>
      {bars.map((bar) => (
        <li key={bar.name}>
          <span className="bars-name">
            {bar.to === undefined ? (
              bar.name
            ) : (
              <Link className="row-link" to={bar.to} params={bar.params ?? {}}>
                {bar.name}
              </Link>
            )}
          </span>
          <span className="bars-told tabular">{bar.told}</span>
          <svg className="bars-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden>
            <rect width={100} height={6} className="bars-ground" />
            <rect width={Math.max((bar.value / largest) * 100, bar.value > 0 ? 0.8 : 0)} height={6} fill={bar.to === undefined ? 'var(--mantine-color-dimmed)' : `var(--c${hue})`} />
          </svg>
        </li>
      ))}
    </ul>
  );
}
