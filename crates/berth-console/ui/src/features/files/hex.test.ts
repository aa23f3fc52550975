import { expect, test } from 'vitest';
import { hexDump } from './hex';

test('bytes are shown sixteen a line, with what is printed of them', () => {
  expect(hexDump('7f454c46')).toBe(`000000  7f 45 4c 46${' '.repeat(36)}  .ELF`);
  expect(hexDump('41'.repeat(17)).split('\n')).toHaveLength(2);
  expect(hexDump('')).toBe('');
});
