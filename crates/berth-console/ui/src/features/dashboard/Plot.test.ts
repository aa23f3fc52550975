import { expect, test } from 'vitest';
import { cursor, scale, short } from './Plot';

test.each([
  [0, [0, 1]],
  [1, [0, 1]],
  [3, [0, 1, 2, 3]],
  [4, [0, 2, 4]],
  [10, [0, 5, 10]],
  [37, [0, 20, 40]],
  [100, [0, 50, 100]],
  [1234, [0, 500, 1000, 1500]],
])('an axis up to %i has round steps', (largest, steps) => {
  expect(scale(largest)).toEqual(steps);
  expect(steps.at(-1)).toBeGreaterThanOrEqual(largest);
});

test('keys move the cursor and never beyond the ends', () => {
  expect(cursor('ArrowRight', null, 3)).toBe(0);
  expect(cursor('ArrowRight', 2, 3)).toBe(2);
  expect(cursor('ArrowLeft', null, 3)).toBe(2);
  expect(cursor('ArrowLeft', 0, 3)).toBe(0);
  expect(cursor('End', 0, 3)).toBe(2);
  expect(cursor('Escape', 1, 3)).toBeNull();
  expect(cursor('x', 1, 3)).toBeUndefined();
  expect(cursor('ArrowRight', null, 0)).toBeUndefined();
});

test('numbers on an axis are short', () => {
  expect([7, 1000, 1500, 2_000_000].map(short)).toEqual(['7', '1k', '1.5k', '2M']);
});
