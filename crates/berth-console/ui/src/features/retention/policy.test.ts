import { describe, expect, test } from 'vitest';
import { type Draft, draftOf, expressionOf, globOf, isWhole, ruleOf } from './policy';

describe('a glob is kept as an expression and found again', () => {
  test.each([
    ['v*', '^v.*$'],
    ['v1.?', '^v1\\..$'],
    ['*-rc', '^.*-rc$'],
    ['1.0*', '^1\\.0.*$'],
  ])('%s', (glob, expression) => {
    expect(expressionOf(glob)).toBe(expression);
    expect(globOf(expression)).toBe(glob);
  });

  test.each(['^v[0-9]+$', 'v.*', '^(a|b)$', '^v\\d$', '^$'])('%s is no glob', (expression) => {
    expect(globOf(expression)).toBeUndefined();
  });
});

test('a sentence comes back from its rule', () => {
  const draft: Draft = { kind: 'newest', number: 20, tags: ['latest', 'v*'], expressions: ['^r[0-9]'] };
  expect(draftOf(ruleOf(draft))).toEqual(draft);
});

describe('numbers', () => {
  const whole = (kind: Draft['kind'], number: number | string) => isWhole({ kind, number, tags: [], expressions: [] });
  test.each<[Draft['kind'], number | string, boolean]>([
    ['days', 1, true],
    ['days', 365, true],
    ['days', 366, false],
    ['days', 0, false],
    ['days', '', false],
    ['newest', 1000, true],
    ['newest', 1001, false],
    ['newest', 1.5, false],
  ])('%s %s', (kind, number, expected) => {
    expect(whole(kind, number)).toBe(expected);
  });
});
