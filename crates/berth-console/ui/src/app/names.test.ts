import { expect, test } from 'vitest';
import { isImageName, isOrganizationName, isTagName } from './names';

test.each([
  ['team', true],
  ['team-1', true],
  ['team__x', true],
  ['1team', false],
  ['Team', false],
  ['team-', false],
  ['team___x', false],
  ['', false],
  ['a'.repeat(64), true],
  ['a'.repeat(65), false],
])('organization %s: %s', (name, good) => {
  expect(isOrganizationName(name)).toBe(good);
});

test.each([
  ['app', true],
  ['web/app', true],
  ['web//app', false],
  ['/app', false],
  ['app/', false],
  ['App', false],
  ['1', true],
])('image %s: %s', (name, good) => {
  expect(isImageName(name)).toBe(good);
});

test.each([
  ['v1.0', true],
  ['_x', true],
  ['.x', false],
  ['-x', false],
  ['x'.repeat(128), true],
  ['x'.repeat(129), false],
])('tag %s: %s', (name, good) => {
  expect(isTagName(name)).toBe(good);
});

test('a name made to hang a backtracking pattern is judged at once', () => {
  expect(isOrganizationName(`${'a'.repeat(60)}!`)).toBe(false);
});
