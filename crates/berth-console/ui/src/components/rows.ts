import { keepPreviousData, useInfiniteQuery, useQueries } from '@tanstack/react-query';
import { useCallback, useState } from 'react';

/** Rows of a list that may be longer than anybody wants to load: by place, with holes where nothing was loaded yet. */
export interface RowSource<T> {
  /** How many rows there are; `undefined` until the first part is there. */
  count: number | undefined;
  /** The row at a place; `undefined` while it is on its way. */
  at: (index: number) => T | undefined;
  /** All rows that are there. */
  loaded: T[];
  /** What the table shows at the moment, so that it is loaded. */
  show: (first: number, last: number) => void;
  /** What went wrong. */
  error: Error | null;
  /** Reads again. */
  retry: () => void;
}

/** A part of a list that knows how long it is. */
export interface Part<T> {
  rows: T[];
  total: number;
}

/** Rows of a list that is read by offset: parts are read as they come into sight, wherever that is. */
export function useOffsetRows<T>({
  key,
  size = 100,
  read,
  again,
}: {
  /** The query's key: with everything that changes what is listed (filter, order, ...). */
  key: readonly unknown[];
  /** Rows of a part. */
  size?: number;
  read: (offset: number, limit: number) => Promise<Part<T>>;
  /** After how many milliseconds a part is read again, such as while something in it is under way; never without it. */
  again?: (rows: T[]) => number | false;
}): RowSource<T> {
  const [parts, setParts] = useState([0, 0]);
  const [from, to] = [parts[0] ?? 0, parts[1] ?? 0];
  const wanted = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  // The first part tells how many there are, also while others are in sight.
  const places = from === 0 ? wanted : [0, ...wanted];
  const answers = useQueries({
    queries: places.map((part) => ({
      queryKey: [...key, 'part', part, size],
      queryFn: () => read(part * size, size),
      placeholderData: keepPreviousData,
      refetchInterval: (state: { state: { data?: Part<T> | undefined } }) => again?.(state.state.data?.rows ?? []) ?? false,
    })),
  });
  const byPart = new Map(places.map((part, index) => [part, answers[index]?.data]));
  const show = useCallback(
    (first: number, last: number) => {
      const next = [Math.floor(first / size), Math.floor(last / size)];
      setParts((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
    },
    [size],
  );
  return {
    count: byPart.get(0)?.total,
    at: (index) => byPart.get(Math.floor(index / size))?.rows[index % size],
    loaded: places.flatMap((part) => byPart.get(part)?.rows ?? []),
    show,
    error: answers.find((answer) => answer.error !== null)?.error ?? null,
    retry: () => answers.forEach((answer) => void answer.refetch()),
  };
}

/** Rows of a list that is read by markers: the next part is read when the end of what is there comes into sight. */
export function useMarkerRows<T>({
  key,
  read,
  again,
}: {
  key: readonly unknown[];
  read: (marker: string | undefined) => Promise<{ rows: T[]; next: string | null | undefined }>;
  /** After how many milliseconds they are read again, such as while something of them is under way; never without it. */
  again?: (rows: T[]) => number | false;
}): RowSource<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: (state) => again?.(state.state.data?.pages.flatMap((page) => page.rows) ?? []) ?? false,
    placeholderData: keepPreviousData,
  });
  const loaded = query.data?.pages.flatMap((page) => page.rows);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const there = loaded?.length ?? 0;
  const show = useCallback(
    (_first: number, last: number) => {
      if (hasNextPage && !isFetchingNextPage && last >= there - 10) void fetchNextPage();
    },
    [hasNextPage, isFetchingNextPage, fetchNextPage, there],
  );
  return {
    count: loaded === undefined ? undefined : there + (hasNextPage ? 1 : 0),
    at: (index) => loaded?.[index],
    loaded: loaded ?? [],
    show,
    error: query.error,
    retry: () => void query.refetch(),
  };
}

/** Rows that are there already. */
export function rowsOf<T>(rows: T[]): RowSource<T> {
  return { count: rows.length, at: (index) => rows[index], loaded: rows, show: () => undefined, error: null, retry: () => undefined };
}
