import { expect, test } from 'vitest';
import { instant } from './api';
import { collect, EXPORT_MAX } from './exportEvents';

const event = (id: number) => ({
  action: 'create_namespace',
  code: '',
  credential: 'password',
  request_id: String(id),
  resource: 'team',
  result: 'success',
  source: '127.0.0.1',
  status: 201,
  time: '2026-05-01T10:00:00Z',
  user_id: null,
  user_name: 'ana',
});

/** A trail of so many events, in pages of a thousand. */
function trail(total: number) {
  return async (_: object, marker: string | undefined, limit = 1000) => {
    const from = Number(marker ?? 0);
    const to = Math.min(from + limit, total);
    const rows = Array.from({ length: to - from }, (_row, index) => event(from + index));
    return { rows, next: to < total ? String(to) : null };
  };
}

test.each([
  [0, 0, false],
  [1000, 1000, false],
  [2500, 2500, false],
  [EXPORT_MAX, EXPORT_MAX, false],
  [EXPORT_MAX + 1, EXPORT_MAX, true],
])('of %d events %d are exported (cut: %s)', async (total, expected, cut) => {
  const heard: number[] = [];
  const found = await collect({}, (rows) => heard.push(rows), new AbortController().signal, trail(total));
  expect(found.rows.length - 1).toBe(expected);
  expect(found.cut).toBe(cut);
  expect(heard.at(-1)).toBe(expected);
});

test('an export that is stopped rejects', async () => {
  const stop = new AbortController();
  const running = collect({}, () => stop.abort(), stop.signal, trail(5000));
  await expect(running).rejects.toThrow();
});

test('times go to the API in UTC', () => {
  expect(instant('2026-05-01T10:00')).toBe(new Date('2026-05-01T10:00').toISOString());
  expect(instant('rubbish')).toBe('rubbish');
});
