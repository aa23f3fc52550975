import { expect, test } from 'vitest';
import { figures } from './figures';
import { settingsTexts } from './texts';

const names = settingsTexts.now().storage.figures;

test.each([
  [{ blobs: 1200, bytes: 2048, damaged: 0, healed: 0, seconds: 3 }, ['1,200 blobs', '2.0 KiB', '0 damaged']],
  [{ keys: 0, bytes: 0, keys_left: 4, bytes_left: 1024 }, ['0 B', '4 files left', '1.0 KiB left']],
  [{ error: 'the disk is full' }, ['the disk is full']],
  [{ snapshot: 'a.berth', rows: 3 }, ['3 rows', 'snapshot a.berth']],
  [null, []],
])('%j', (told, expected) => {
  expect(figures(told, names)).toEqual(expected);
});
