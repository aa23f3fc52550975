import { defineTexts } from '../../app/texts';

const english = {
  title: 'Node agents',
  intro: 'An agent on each node is a mirror for the clients there. Agents get layers from one another, so that the registry sends each chunk about once.',
  filter: 'Filter by label, id or address',
  refresh: 'Refresh',
  add: 'Add a node',
  figures: {
    title: 'What agents share',
    connected: 'Agents that are connected',
    ofAccount: 'of this account',
    ofAll: (n: string) => `${n} of all accounts`,
    shown: (n: string) => `${n} shown`,
    peers: 'From other nodes',
    peersNote: 'the registry did not send them',
    registry: 'From the registry',
    registryNote: 'sent to agents',
    saved: 'Share saved',
    savedNote: 'of the bytes that agents got',
    savedNone: 'Nothing was pulled through them yet',
    totalAll: 'all accounts, since the first agent',
    sources: 'Where the bytes of agents came from',
  },
  columns: { agent: 'Address and id', labels: 'Labels', blobs: 'Blobs it gives', peers: 'From nodes', registry: 'From the registry', saved: 'Saved', user: 'Login', seen: 'Last heard' },
  byLabel: (label: string) => `Show agents with ${label}`,
  first: (n: string) => `The first ${n} agents are shown; there may be more.`,
  empty: 'No agent is connected',
  emptyHelp: 'An agent that runs with a login of this account stands here within seconds.',
  begin: {
    title: 'Let a node share layers',
    run: 'Run an agent on the node. The login is any user’s of this account; with it the agent tells what it has, and takes preheats.',
    runWhat: 'the command that runs an agent',
    login: 'Its login, in /etc/berth-agent/login',
    loginWhat: 'the content of the login’s file',
    configure: 'Have the node’s clients ask it, for this registry and those that it mirrors:',
    configureWhat: 'the command that configures clients',
    more: 'docker, podman and CRI-O, labels, TLS and limits: docs/how-to/agents.md, or',
  },
};

/** What a translation has to have. */
export type AgentWords = typeof english;

/** Words about node agents. */
export const agentTexts = defineTexts(english, () => import('./texts.zh'));
