import type { components } from '../../api/schema';

/** A trigger as the API lists it. */
export type Trigger = components['schemas']['ShownTrigger'];
type Body = components['schemas']['CreateTrigger'];

/** How a condition is read. */
export type ConditionKind = 'all' | 'tag' | 'regular' | 'regexp';
/** What a trigger does. */
export type Action = 'update' | 'webhook';

/** A trigger as a form has it. */
export interface Draft {
  name: string;
  enabled: boolean;
  kind: ConditionKind;
  tags: string[];
  pattern: string;
  action: Action;
  cluster: string;
  namespace: string;
  workloadKind: string;
  workload: string;
  container: string;
  by: 'digest' | 'tag';
  undo: boolean;
  timeout: number | string;
  url: string;
  secret: string;
}

/** An empty form. */
export const NEW_TRIGGER: Draft = {
  name: '',
  enabled: true,
  kind: 'all',
  tags: [],
  pattern: '',
  action: 'update',
  cluster: '',
  namespace: '',
  workloadKind: 'deployments',
  workload: '',
  container: '',
  by: 'digest',
  undo: false,
  timeout: 600,
  url: '',
  secret: '',
};

/** What the API knows workloads of, and the kind of object that each is. */
export const WORKLOAD_KINDS = { deployments: 'Deployment', statefulsets: 'StatefulSet', daemonsets: 'DaemonSet', cronjobs: 'CronJob' } as const;

/** The most tags of a condition. */
export const TAGS_MAX = 100;
/** The most characters of a pattern. */
export const PATTERN_MAX = 256;
/** The longest time that a rollout may be given, in seconds. */
export const TIMEOUT_MAX = 86_400;

const NAME = /^[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*$/;
const KUBERNETES = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Whether a trigger may have this name. */
export function isTriggerName(name: string): boolean {
  return name.length <= 64 && NAME.test(name);
}

/** Whether Kubernetes could have something of this name. */
export function isKubernetesName(name: string): boolean {
  return KUBERNETES.test(name);
}

/** Which fields the API would refuse. */
export function faults(draft: Draft): Partial<Record<keyof Draft, true>> {
  const wrong: Partial<Record<keyof Draft, true>> = {};
  const check = (field: keyof Draft, sound: boolean) => {
    if (!sound) wrong[field] = true;
  };
  check('name', isTriggerName(draft.name));
  check('tags', draft.kind !== 'tag' || (draft.tags.length > 0 && draft.tags.length <= TAGS_MAX));
  check('pattern', (draft.kind !== 'regular' && draft.kind !== 'regexp') || (draft.pattern !== '' && draft.pattern.length <= PATTERN_MAX));
  if (draft.action === 'webhook') {
    check('url', isAddress(draft.url));
    return wrong;
  }
  check('cluster', draft.cluster !== '');
  check('namespace', isKubernetesName(draft.namespace));
  check('workload', isKubernetesName(draft.workload));
  check('container', draft.container === '' || isKubernetesName(draft.container));
  check('timeout', typeof draft.timeout === 'number' && draft.timeout >= 1 && draft.timeout <= TIMEOUT_MAX);
  return wrong;
}

function isAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
}

/** What the API is told of a form. */
export function bodyOf(draft: Draft): Body {
  const condition = { all: '.*', tag: draft.tags.join(';'), regular: draft.pattern, regexp: draft.pattern }[draft.kind];
  const common = { name: draft.name, trigger_type: draft.kind, condition, enable: String(draft.enabled), action: draft.action };
  if (draft.action === 'webhook') {
    return { ...common, webhook_url: draft.url, ...(draft.secret === '' ? {} : { webhook_secret: draft.secret }) };
  }
  return {
    ...common,
    app_type: draft.workloadKind,
    application: draft.workload,
    cluster_id: draft.cluster,
    cluster_ns: draft.namespace,
    ...(draft.container === '' ? {} : { container: draft.container }),
    trigger_mode: 'cce',
    update_by: draft.by,
    undo_on_failure: draft.undo,
    rollout_timeout: Number(draft.timeout),
  };
}

/** The form of a trigger that is there. */
export function draftOf(trigger: Trigger): Draft {
  const kind = trigger.trigger_type as ConditionKind;
  return {
    ...NEW_TRIGGER,
    name: trigger.name,
    enabled: trigger.enable === 'true',
    kind,
    tags: kind === 'tag' ? trigger.condition.split(';') : [],
    pattern: kind === 'regular' || kind === 'regexp' ? trigger.condition : '',
    action: trigger.action as Action,
    cluster: trigger.cluster_id,
    namespace: trigger.cluster_ns,
    workloadKind: trigger.app_type === '' ? NEW_TRIGGER.workloadKind : trigger.app_type,
    workload: trigger.application,
    container: trigger.container,
    by: trigger.update_by === 'tag' ? 'tag' : 'digest',
    undo: trigger.undo_on_failure,
    timeout: trigger.rollout_timeout,
    url: trigger.webhook_url ?? '',
  };
}
