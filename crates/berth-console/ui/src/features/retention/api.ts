import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';
import type { Rule } from './policy';

/** A policy that is in force. */
export type Policy = components['schemas']['RetentionShown'];
/** What a run would do. */
export type Preview = components['schemas']['PreviewDocument'];
/** A tag and what becomes of it. */
export type Fate = components['schemas']['TagFate'];
/** A run over an image's tags. */
export type Run = components['schemas']['RunDocument'];
/** A tag that was deleted. */
export type Deletion = components['schemas']['DeletionDocument'];

const NO_POLICY = 'SVCSTG.SWR.4000306';

/** Names an image to the API. */
export function place(org: string, image: string) {
  return { namespace: org, repository: inPath(image) };
}

/** The policy of an image; `null` when it has none. */
export function policyQuery(org: string, image: string) {
  return queryOptions({
    queryKey: ['retention', org, image, 'policy'],
    placeholderData: undefined,
    queryFn: async (): Promise<Policy | null> => {
      try {
        const policies = await data(
          api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/retentions', { params: { path: place(org, image) } }),
        );
        return policies[0] ?? null;
      } catch (error) {
        if (error instanceof ApiError && error.code === NO_POLICY) return null;
        throw error;
      }
    },
  });
}

/** Which tags a preview lists. */
export type Shown = 'deleted' | 'kept' | 'all';

/** A part of a preview: of what is in force without a rule. */
export function readPreview(org: string, image: string, rule: Rule | undefined, shown: Shown, marker?: string): Promise<Preview> {
  const query = { limit: 100, ...(shown === 'all' ? {} : { fate: shown }), ...(marker === undefined ? {} : { marker }) };
  const body = rule === undefined ? {} : { algorithm: 'or', rules: [rule] };
  return data(
    api.POST('/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/preview', { params: { path: place(org, image), query }, body }),
  );
}

/** The beginning of a preview, with its totals. */
export function previewQuery(org: string, image: string, rule: Rule | undefined, shown: Shown) {
  return queryOptions({
    queryKey: ['retention', org, image, 'preview', rule ?? 'in force', shown],
    queryFn: () => readPreview(org, image, rule, shown),
  });
}

/** Sets the policy of an image, in the place of the one it has. */
export async function savePolicy(org: string, image: string, old: Policy | null, rule: Rule): Promise<void> {
  const body = { algorithm: 'or', rules: [rule] };
  const params = { path: place(org, image) };
  const base = '/v2/manage/namespaces/{namespace}/repos/{repository}/retentions';
  if (old !== null && old.rules[0]?.template === rule.template) {
    await api.PATCH(`${base}/{retention_id}`, { params: { path: { ...params.path, retention_id: old.id } }, body });
    return;
  }
  // The kind of a policy cannot be changed: the API wants another one, which the preview has found to be sound.
  if (old !== null) await removePolicy(org, image, old.id);
  await api.POST(base, { params, body });
}

/** Deletes the policy of an image. */
export async function removePolicy(org: string, image: string, id: number): Promise<void> {
  await api.DELETE('/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}', {
    params: { path: { ...place(org, image), retention_id: id } },
  });
}

/** Begins a run. */
export function runNow(org: string, image: string): Promise<Run> {
  return data(api.POST('/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/runs', { params: { path: place(org, image) } }));
}
