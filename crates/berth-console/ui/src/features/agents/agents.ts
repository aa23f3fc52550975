import type { Agent } from './api';

/** Bytes that agents got, by where they came from. */
export interface Sources {
  peers: number;
  registry: number;
}

/** The share of bytes that the registry did not send; nothing before the first byte. */
export function savedShare({ peers, registry }: Sources): number | undefined {
  return peers + registry === 0 ? undefined : peers / (peers + registry);
}

/** Where an agent's bytes came from. */
export const sourcesOf = (agent: Agent): Sources => ({ peers: agent.bytes_from_peers, registry: agent.bytes_from_registry });

/** Those of all agents together. */
export function sum(agents: Agent[]): Sources {
  return agents.map(sourcesOf).reduce((all, one) => ({ peers: all.peers + one.peers, registry: all.registry + one.registry }), { peers: 0, registry: 0 });
}

/** An agent's labels as one writes them, by key. */
export const labelsOf = (labels: Record<string, string>): string[] =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .toSorted();

/** The agents in whose id, address or labels each word stands. */
export function found(agents: Agent[], filter: string): Agent[] {
  const words = filter.toLowerCase().split(/[\s,]+/).filter((word) => word !== '');
  return agents.filter((agent) => {
    const texts = [agent.id, agent.address, ...labelsOf(agent.labels)].map((text) => text.toLowerCase());
    return words.every((word) => texts.some((text) => text.includes(word)));
  });
}

/** Labels as they were typed, `key=value` each; `undefined` when one of them is none. */
export function labelled(typed: string[]): Record<string, string> | undefined {
  const pairs = typed.map((text) => /^([^=]+)=(.*)$/.exec(text.trim()));
  if (pairs.includes(null)) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']));
}

/** Whether an agent has all of the labels. */
export const hasLabels = (agent: Agent, labels: Record<string, string>): boolean => Object.entries(labels).every(([key, value]) => agent.labels[key] === value);
