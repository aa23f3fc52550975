import { VisuallyHidden } from '@mantine/core';
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { count } from '../../app/format';
import { dashboardTexts } from './texts';

/** A value at a time. */
export interface Point {
  /** The name of the time, in full. */
  label: string;
  /** The same below the axis. */
  short: string;
  value: number;
}

const WIDTH = 560;
const HEIGHT = 150;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;

/** Bars over time. Arrow keys and the pointer move a cursor; readers get the figures as a table. */
export function Plot({ title, points, hue }: { title: string; points: Point[]; hue: number }) {
  const t = dashboardTexts.use();
  const [at, setAt] = useState<number | null>(null);
  const largest = Math.max(...points.map((point) => point.value), 0);
  const steps = scale(largest);
  const top = steps.at(-1) ?? 1;
  const inner = { width: WIDTH - LEFT, height: HEIGHT - BOTTOM - TOP };
  const slot = inner.width / Math.max(points.length, 1);
  const y = (value: number) => TOP + inner.height * (1 - value / top);
  const shown = at === null ? undefined : points[at];
  const told = shown === undefined ? t.sum(count(points.reduce((sum, entry) => sum + entry.value, 0))) : `${shown.label}: ${count(shown.value)}`;
  const move = (event: KeyboardEvent) => {
    const next = cursor(event.key, at, points.length);
    if (next === undefined) return;
    event.preventDefault();
    setAt(next);
  };
  const point = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH - LEFT;
    setAt(x < 0 ? null : Math.min(Math.floor(x / slot), points.length - 1));
  };
  const every = Math.ceil(points.length / 6);
  return (
    <div className="plot">
      <svg role="img" aria-label={title} viewBox={`0 0 ${WIDTH} ${HEIGHT}`}>
        {steps.map((step) => (
          <g key={step}>
            <line x1={LEFT} x2={WIDTH} y1={y(step)} y2={y(step)} className="plot-line" />
            <text x={LEFT - 8} y={y(step) + 4} textAnchor="end" className="plot-text">
              {short(step)}
            </text>
          </g>
        ))}
        {points.map((entry, index) => {
          const height = entry.value === 0 ? 0 : Math.max(inner.height - (y(entry.value) - TOP), 2);
          return (
            <g key={entry.label}>
              {at === index && <rect x={LEFT + index * slot} y={TOP} width={slot} height={inner.height} className="plot-cursor" />}
              <rect
                x={LEFT + index * slot + slot * 0.14}
                y={TOP + inner.height - height}
                width={slot * 0.72}
                height={height}
                rx={Math.min(3, slot / 4)}
                fill={`var(--c${hue})`}
                opacity={at === null || at === index ? 1 : 0.55}
              />
              {index % every === 0 && (
                <text x={LEFT + (index + 0.5) * slot} y={HEIGHT - 6} textAnchor="middle" className="plot-text">
                  {entry.short}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <div
        className="plot-hand"
        role="slider"
        tabIndex={0}
        aria-label={t.plot(title)}
        aria-valuemin={0}
        aria-valuemax={Math.max(points.length - 1, 0)}
        aria-valuenow={at ?? 0}
        aria-valuetext={told}
        onKeyDown={move}
        onBlur={() => setAt(null)}
        onPointerMove={point}
        onPointerLeave={() => setAt(null)}
      />
      <p className="plot-told tabular">{told}</p>
      <VisuallyHidden>
        <table>
          <caption>{title}</caption>
          <tbody>
            {points.map((entry) => (
              <tr key={entry.label}>
                <th scope="row">{entry.label}</th>
                <td>{entry.value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </div>
  );
}

/** Where a key moves the cursor; `undefined` for other keys. */
export function cursor(key: string, at: number | null, length: number): number | null | undefined {
  if (length === 0) return undefined;
  const last = length - 1;
  switch (key) {
    case 'ArrowRight':
      return at === null ? 0 : Math.min(at + 1, last);
    case 'ArrowLeft':
      return at === null ? last : Math.max(at - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return last;
    case 'Escape':
      return null;
    default:
      return undefined;
  }
}

/** Round values from 0 to at least the largest, three or four of them. */
export function scale(largest: number): number[] {
  if (largest <= 3) return [0, 1, 2, 3].slice(0, Math.max(largest, 1) + 1);
  const rough = largest / 3;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 2.5, 5, 10].find((factor) => factor * size >= rough) ?? 10) * size);
  const whole = Math.ceil(step);
  return Array.from({ length: Math.ceil(largest / whole) + 1 }, (_, index) => index * whole);
}

/** A number on an axis: `1.2k`. */
export function short(value: number): string {
  for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (value >= size) return `${Number((value / size).toFixed(1))}${unit}`;
  }
  return String(value);
}
