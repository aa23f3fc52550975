import { expect, test } from 'vitest';
import { addressOf } from './registry';

test.each([
  ['https://reg.example.com/v3/auth/projects', { host: 'reg.example.com', secure: true }],
  ['http://localhost:5000/v3/auth/projects', { host: 'localhost:5000', secure: false }],
  ['/v3/auth/projects', null],
])('the address in %s', (link, address) => {
  expect(addressOf(link)).toEqual(address);
});
