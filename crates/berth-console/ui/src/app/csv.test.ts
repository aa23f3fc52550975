import { expect, test } from 'vitest';
import { csv } from './csv';

test.each([
  [['a', 'b'], 'a,b\r\n'],
  [['a,b', 'c"d', 'e\nf'], '"a,b","c""d","e\nf"\r\n'],
  [['=1+1', '-x', '@y', -1], "'=1+1,'-x,'@y,-1\r\n"],
])('%j is the line %j', (row, line) => {
  expect(csv([row])).toBe(line);
});
