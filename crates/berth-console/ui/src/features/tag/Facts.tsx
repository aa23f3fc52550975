import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import './tag.css';

/** A figure with its name. */
export interface Fact {
  label: string;
  value: ReactNode;
  help?: string;
}

/** Figures beside each other. */
export function Facts({ facts }: { facts: Fact[] }) {
  return (
    <dl className="facts">
      {facts.map(({ label, value, help }) => (
        <div key={label}>
          <dt>
            {help === undefined ? (
              label
            ) : (
              <Tooltip label={help}>
                <span tabIndex={0} style={{ textDecoration: 'underline dotted' }}>
                  {label}
                </span>
              </Tooltip>
            )}
          </dt>
          <dd className="tabular">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
