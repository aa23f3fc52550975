import { expect, test } from 'vitest';
import { isPersonName, randomPassword } from './users';

test.each([
  ['ana', true],
  ['Ana.B_c-1', true],
  ['1st', true],
  ['a'.repeat(64), true],
  ['', false],
  ['.ana', false],
  ['-ana', false],
  ['ana b', false],
  ['安娜', false],
  ['a'.repeat(65), false],
])('name %s: %s', (name, good) => {
  expect(isPersonName(name)).toBe(good);
});

test('generated passwords have 20 characters and differ', () => {
  const passwords = new Set(Array.from({ length: 50 }, randomPassword));
  expect(passwords.size).toBe(50);
  for (const password of passwords) expect(password).toMatch(/^[A-Za-z2-9]{20}$/);
});
