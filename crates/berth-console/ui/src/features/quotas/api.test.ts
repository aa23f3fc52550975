import { expect, test } from 'vitest';
import { inUnit } from './api';

test.each([
  [0, { amount: 0, unit: 'MiB' }],
  [1024 ** 2, { amount: 1, unit: 'MiB' }],
  [500 * 1024 ** 3, { amount: 500, unit: 'GiB' }],
  [2 * 1024 ** 4, { amount: 2, unit: 'TiB' }],
  [1536 * 1024 ** 2, { amount: 1536, unit: 'MiB' }],
])('%d bytes are %j', (bytes, shown) => {
  expect(inUnit(bytes)).toEqual(shown);
});
