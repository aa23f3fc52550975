import { expect, test } from 'vitest';
import { keysOf, type LiveEvent } from './keys';

function event(change: Partial<LiveEvent>): LiveEvent {
  return { kind: 'tag', action: 'moved', namespace: null, repository: null, name: null, digest: null, run_id: null, at: '', ...change };
}

test('a push makes old what shows the image, and nothing of other images', () => {
  const keys = keysOf(event({ namespace: 'team', repository: 'a/b', name: 'v1' }));
  expect(keys).toContainEqual(['images']);
  expect(keys).toContainEqual(['tags', 'team', 'a/b']);
  expect(keys).toContainEqual(['tag', 'team', 'a/b', 'v1']);
  expect(keys).toContainEqual(['dashboard']);
  expect(keys).not.toContainEqual(['bin']);
  expect(keys?.filter((key) => key.length === 1)).toEqual([['images'], ['organizations'], ['dashboard']]);
});

test('what is deleted is in the bin', () => {
  expect(keysOf(event({ action: 'deleted', namespace: 'team', repository: 'app', name: 'v1' }))).toContainEqual(['bin']);
});

test('rights of a place concern that place; without one, everything may be another', () => {
  expect(keysOf(event({ kind: 'rights', namespace: 'team' }))).toEqual([['organization', 'team'], ['organizations'], ['organization', 'team']]);
  expect(keysOf(event({ kind: 'rights' }))).toBeNull();
});

test('settings are known by their name', () => {
  expect(keysOf(event({ kind: 'settings', namespace: 'team', repository: 'app', name: 'triggers' }))).toEqual([['triggers'], ['image', 'team', 'app']]);
});

test('what a later version tells changes nothing', () => {
  expect(keysOf(event({ kind: 'weather' as LiveEvent['kind'] }))).toEqual([]);
});
