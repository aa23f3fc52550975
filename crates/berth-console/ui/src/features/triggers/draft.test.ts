import { describe, expect, test } from 'vitest';
import { bodyOf, type Draft, faults, isTriggerName, NEW_TRIGGER } from './draft';

describe('names of triggers', () => {
  test.each([
    ['ci', true],
    ['a', true],
    ['roll-out_2', true],
    ['A'.repeat(64), true],
    ['A'.repeat(65), false],
    ['', false],
    ['1a', false],
    ['a-', false],
    ['a_', false],
    ['a--b', false],
    ['a__b', false],
    ['a_-b', false],
    ['a b', false],
  ])('%s: %s', (name, expected) => {
    expect(isTriggerName(name)).toBe(expected);
  });

  test('a long wrong name is judged at once', () => {
    expect(isTriggerName(`${'a'.repeat(63)}!`)).toBe(false);
  });
});

describe('what is missing', () => {
  const check = (change: Partial<Draft>) => Object.keys(faults({ ...NEW_TRIGGER, name: 'ci', ...change }));
  const workload = { cluster: 'c', namespace: 'web', workload: 'app' };
  test.each<[string, Partial<Draft>, string[]]>([
    ['nothing of a workload', workload, []],
    ['all of a workload', {}, ['cluster', 'namespace', 'workload']],
    ['tags', { ...workload, kind: 'tag' }, ['tags']],
    ['a pattern', { ...workload, kind: 'regular' }, ['pattern']],
    ['the time', { ...workload, timeout: 86_401 }, ['timeout']],
    ['an address', { action: 'webhook' }, ['url']],
    ['an address that is no page', { action: 'webhook', url: 'ftp://a' }, ['url']],
    ['nothing of a webhook', { action: 'webhook', url: 'https://ci.example.com/x' }, []],
  ])('%s', (_, change, expected) => {
    expect(check(change)).toEqual(expected);
  });
});

test('a webhook is sent without a workload, and tags are joined as SWR joins them', () => {
  const body = bodyOf({ ...NEW_TRIGGER, name: 'ci', action: 'webhook', url: 'https://x/', kind: 'tag', tags: ['a', 'b'] });
  expect(body).toEqual({ name: 'ci', trigger_type: 'tag', condition: 'a;b', enable: 'true', action: 'webhook', webhook_url: 'https://x/' });
});
