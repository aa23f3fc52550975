import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { PageError } from './PageError';
import { Rows } from './PageSkeleton';
import { useLate } from './useLate';

/**
 * What a query answered, or its state: the shape of rows while it is read for the first time, what failed, or the content.
 * Each panel has its own, so that one that fails leaves the others alone.
 */
export function Ask<T>({ query, rows = 4, children }: { query: UseQueryResult<T>; rows?: number; children: (answer: T) => ReactNode }) {
  const late = useLate();
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null) return <PageError error={query.error} reset={() => void query.refetch()} />;
  return late ? <Rows count={rows} /> : null;
}
