import { Checkbox, Skeleton, VisuallyHidden } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp, ArrowUpDown } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { frameTexts } from '../app/texts.frame';
import './DataTable.css';
import { PageError } from './PageError';
import { Rows } from './PageSkeleton';
import type { RowSource } from './rows';
import { useLate } from './useLate';

/** A column of a table. */
export interface Column<T> {
  /** Its name in code, unique in the table. */
  key: string;
  /** Its head; an empty one for a column of buttons. */
  label: string;
  cell: (row: T) => ReactNode;
  /** The word by which the server sorts by it. */
  sort?: string;
  align?: 'end';
  width?: string | number;
}

/** By which column a list is sorted. */
export interface Order {
  column: string;
  descending: boolean;
}

const NO_KEYS = {};

/** Which rows are selected, by their keys. */
export interface Selection {
  keys: ReadonlySet<string>;
  onChange: (keys: ReadonlySet<string>) => void;
}

/**
 * A table that draws only the rows in sight, whether there are ten or ten thousand; on a phone each row is a card. `j`/`k` or
 * the arrows go from row to row, `x` selects, Enter follows the row's first link, and `keys` adds more.
 */
export function DataTable<T>({
  label,
  source,
  columns,
  rowKey,
  order,
  onOrder,
  selection,
  keys = NO_KEYS,
  empty,
}: {
  /** What is listed, for those who hear the page. */
  label: string;
  source: RowSource<T>;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  order?: Order;
  onOrder?: (order: Order) => void;
  selection?: Selection;
  /** What a key does with the row that has the focus. */
  keys?: Record<string, (row: T) => void>;
  /** What stands here when there is nothing. */
  empty: ReactNode;
}) {
  const late = useLate();
  if (source.error !== null && source.count === undefined) return <PageError error={source.error} reset={source.retry} />;
  if (source.count === undefined) {
    return <div className="panel-body">{late ? <Rows count={8} /> : null}</div>;
  }
  if (source.count === 0) return empty;
  return (
    <table className="data-table" role="table" aria-label={label} aria-rowcount={source.count + 1}>
      <Head columns={columns} order={order} onOrder={onOrder} selection={selection} source={source} rowKey={rowKey} />
      <Body source={source} count={source.count} columns={columns} rowKey={rowKey} selection={selection} keys={keys} />
    </table>
  );
}

interface HeadProps<T> {
  columns: Column<T>[];
  order: Order | undefined;
  onOrder: ((order: Order) => void) | undefined;
  selection: Selection | undefined;
  source: RowSource<T>;
  rowKey: (row: T) => string;
}

function Head<T>({ columns, order, onOrder, selection, source, rowKey }: HeadProps<T>) {
  const t = frameTexts.use();
  const loaded = source.loaded.map(rowKey);
  const all = loaded.length > 0 && loaded.every((key) => selection?.keys.has(key));
  const some = loaded.some((key) => selection?.keys.has(key));
  return (
    <thead role="rowgroup">
      <tr role="row">
        {selection !== undefined && (
          <th role="columnheader" className="data-table-select">
            <Checkbox
              size="xs"
              aria-label={t.selectAll}
              checked={all}
              indeterminate={some && !all}
              onChange={() => selection.onChange(new Set(all ? [] : loaded))}
            />
          </th>
        )}
        {columns.map((column) => {
          const sorted = column.sort !== undefined && order?.column === column.sort ? order : undefined;
          const direction = sorted === undefined ? undefined : sorted.descending ? 'descending' : 'ascending';
          const Arrow = sorted === undefined ? ArrowUpDown : sorted.descending ? ArrowDown : ArrowUp;
          const { sort } = column;
          return (
            <th key={column.key} role="columnheader" style={{ width: column.width }} className={column.align === 'end' ? 'end' : undefined} aria-sort={direction}>
              {sort === undefined || onOrder === undefined ? (
                column.label || <VisuallyHidden>{t.more}</VisuallyHidden>
              ) : (
                <button
                  type="button"
                  aria-label={t.sortBy(column.label)}
                  onClick={() => onOrder({ column: sort, descending: sorted === undefined ? false : !sorted.descending })}
                >
                  {column.label}
                  <Arrow size={13} aria-hidden />
                </button>
              )}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

interface BodyProps<T> {
  source: RowSource<T>;
  count: number;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  selection: Selection | undefined;
  keys: Record<string, (row: T) => void>;
}

function Body<T>({ source, count, columns, rowKey, selection, keys }: BodyProps<T>) {
  const t = frameTexts.use();
  const body = useRef<HTMLTableSectionElement>(null);
  const [margin, setMargin] = useState(0);
  const [active, setActive] = useState(0);
  useLayoutEffect(() => {
    const box = body.current?.getBoundingClientRect();
    if (box !== undefined) setMargin(box.top + window.scrollY);
  }, []);
  const rows = useWindowVirtualizer({ count, estimateSize: () => 45, overscan: 12, scrollMargin: margin });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  const { show } = source;
  useEffect(() => show(first, last), [show, first, last]);

  const focus = (index: number) => {
    const next = Math.min(Math.max(index, 0), count - 1);
    setActive(next);
    rows.scrollToIndex(next, { align: 'auto' });
    requestAnimationFrame(() => body.current?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus());
  };
  const toggle = (row: T, through?: T[]) => {
    if (selection === undefined) return;
    const next = new Set(selection.keys);
    const selected = next.has(rowKey(row));
    for (const one of through ?? [row]) {
      if (selected) next.delete(rowKey(one));
      else next.add(rowKey(one));
    }
    selection.onChange(next);
  };
  const lastToggled = useRef(0);
  const pressed = (event: KeyboardEvent<HTMLTableRowElement>, index: number, row: T) => {
    if (event.target !== event.currentTarget || event.metaKey || event.ctrlKey || event.altKey) return;
    const act: Record<string, () => void> = {
      j: () => focus(index + 1),
      ArrowDown: () => focus(index + 1),
      k: () => focus(index - 1),
      ArrowUp: () => focus(index - 1),
      Home: () => focus(0),
      End: () => focus(count - 1),
      x: () => toggle(row),
      Enter: () => event.currentTarget.querySelector<HTMLElement>('a[href], button')?.click(),
    };
    const own = keys[event.key];
    const action = own === undefined ? act[event.key] : () => own(row);
    if (action === undefined) return;
    event.preventDefault();
    action();
  };

  const before = (items[0]?.start ?? margin) - margin;
  const after = rows.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin);
  const width = columns.length + (selection === undefined ? 0 : 1);
  return (
    <tbody role="rowgroup" ref={body}>
      {before > 0 && <Gap height={before} width={width} />}
      {items.map((item) => {
        const row = source.at(item.index);
        if (row === undefined) {
          return (
            <tr key={`empty-${item.index}`} role="row" data-index={item.index} ref={rows.measureElement}>
              <td role="cell" colSpan={width}>
                <Skeleton h={20} my={4} />
              </td>
            </tr>
          );
        }
        const key = rowKey(row);
        const selected = selection?.keys.has(key) ?? false;
        return (
          <tr
            key={key}
            role="row"
            data-index={item.index}
            aria-rowindex={item.index + 2}
            aria-selected={selection === undefined ? undefined : selected}
            ref={rows.measureElement}
            tabIndex={item.index === active ? 0 : -1}
            onFocus={() => setActive(item.index)}
            onKeyDown={(event) => pressed(event, item.index, row)}
          >
            {selection !== undefined && (
              <td role="cell" className="data-table-select">
                <Checkbox
                  size="xs"
                  aria-label={t.selectRow(key)}
                  checked={selected}
                  onChange={(event) => {
                    const shift = (event.nativeEvent as MouseEvent).shiftKey;
                    const [from, to] = [Math.min(lastToggled.current, item.index), Math.max(lastToggled.current, item.index)];
                    const through = shift
                      ? Array.from({ length: to - from + 1 }, (_, step) => source.at(from + step)).filter((one) => one !== undefined)
                      : undefined;
                    lastToggled.current = item.index;
                    toggle(row, through);
                  }}
                />
              </td>
            )}
            {columns.map((column) => (
              <td key={column.key} role="cell" data-label={column.label} className={column.align === 'end' ? 'end tabular' : undefined}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        );
      })}
      {after > 0 && <Gap height={after} width={width} />}
    </tbody>
  );
}

/** The place of the rows that are not in sight. */
function Gap({ height, width }: { height: number; width: number }) {
  return (
    <tr aria-hidden className="data-table-gap">
      <td colSpan={width} style={{ height }} aria-hidden />
    </tr>
  );
}
