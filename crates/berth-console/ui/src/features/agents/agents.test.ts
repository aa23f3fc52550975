import { expect, test } from 'vitest';
import { found, hasLabels, labelled, savedShare, sum } from './agents';
import type { Agent } from './api';

const agent = (id: string, labels: Record<string, string>, peers = 0, registry = 0): Agent => ({
  id,
  labels,
  user_name: 'nodes',
  address: `10.0.0.${id.length}:7001`,
  blobs: 0,
  bytes_from_peers: peers,
  bytes_from_registry: registry,
  connected_at: '2026-01-01T00:00:00Z',
  seen_at: '2026-01-01T00:00:00Z',
});

const fleet = [agent('node-1', { zone: 'a', gpu: '' }, 30, 10), agent('node-22', { zone: 'b' }, 70, 0)];

test('agents are found by id, address and label, each word for itself', () => {
  const ids = (filter: string) => found(fleet, filter).map((one) => one.id);
  expect(ids('')).toEqual(['node-1', 'node-22']);
  expect(ids('zone=a')).toEqual(['node-1']);
  expect(ids('ZONE=B, node')).toEqual(['node-22']);
  expect(ids('10.0.0.7')).toEqual(['node-22']);
  expect(ids('zone=a zone=b')).toEqual([]);
});

test('what is saved is the share that the registry did not send', () => {
  expect(savedShare(sum(fleet))).toBeCloseTo(100 / 110);
  expect(savedShare({ peers: 0, registry: 0 })).toBeUndefined();
});

test('labels are a key with a value, which may be empty', () => {
  expect(labelled(['zone=a', ' gpu= '])).toEqual({ zone: 'a', gpu: '' });
  expect(labelled(['a=b=c'])).toEqual({ a: 'b=c' });
  expect(labelled(['zone'])).toBeUndefined();
  expect(labelled(['=a'])).toBeUndefined();
  expect(labelled([])).toEqual({});
});

test('nodes are chosen by all of the labels', () => {
  const chosen = (labels: Record<string, string>) => fleet.filter((one) => hasLabels(one, labels)).map((one) => one.id);
  expect(chosen({})).toEqual(['node-1', 'node-22']);
  expect(chosen({ zone: 'a', gpu: '' })).toEqual(['node-1']);
  expect(chosen({ zone: 'a', gpu: 'yes' })).toEqual([]);
});
