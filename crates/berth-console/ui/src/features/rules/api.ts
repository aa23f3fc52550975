import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import { type Draft, draftOf, FIRST_DRAFT, ruleOf } from '../retention/policy';

/** A retention rule of an organization. */
export type OrganizationRule = components['schemas']['RuleDocument'];
/** What rules would do together. */
export interface OrganizationPreview extends Omit<components['schemas']['OrganizationPreviewDocument'], 'repos'> {
  repos: ImagePreview[];
}
/** What they would do to one image. */
interface ImagePreview {
  repository: string;
  own: boolean;
  tags: components['schemas']['TagFate'][];
  totals: components['schemas']['RetentionTotals'];
}
type Body = components['schemas']['RuleBody'];

const BASE = '/v2/manage/namespaces/{namespace}/retentions';

/** A rule of an organization as a form has it. */
export interface RuleDraft {
  sentence: Draft;
  images: string;
  tags: string;
  enabled: boolean;
}

/** An empty form. */
export const NEW_RULE: RuleDraft = { sentence: FIRST_DRAFT, images: '', tags: '', enabled: true };

/** The form of a rule that is there. */
export function formOf(rule: OrganizationRule): RuleDraft {
  return { sentence: draftOf(rule), images: rule.images ?? '', tags: rule.tags ?? '', enabled: rule.enabled };
}

/** What the API is told of a form. */
export function bodyOf(draft: RuleDraft): Body {
  return { ...ruleOf(draft.sentence), images: draft.images, tags: draft.tags, enabled: draft.enabled };
}

/** The retention rules of an organization. */
export function rulesQuery(org: string) {
  return queryOptions({
    queryKey: ['retention', org, null, 'rules'],
    placeholderData: undefined,
    queryFn: () => data(api.GET(BASE, { params: { path: { namespace: org } } })),
  });
}

/** What rules would do together to an organization's images. */
export function previewQuery(org: string, rules: Body[]) {
  return queryOptions({
    queryKey: ['retention', org, null, 'preview', rules],
    retry: false,
    queryFn: async () => {
      const preview: unknown = await data(api.POST(`${BASE}/preview`, { params: { path: { namespace: org }, query: { limit: 100 } }, body: { rules } }));
      return preview as OrganizationPreview;
    },
  });
}

/** Makes a rule, or puts it in the place of one. */
export async function saveRule(org: string, id: number | undefined, draft: RuleDraft): Promise<void> {
  const body = bodyOf(draft);
  if (id === undefined) await api.POST(BASE, { params: { path: { namespace: org } }, body });
  else await api.PUT(`${BASE}/{retention_rule_id}`, { params: { path: { namespace: org, retention_rule_id: id } }, body });
}

/** Deletes a rule. */
export async function removeRule(org: string, id: number): Promise<void> {
  await api.DELETE(`${BASE}/{retention_rule_id}`, { params: { path: { namespace: org, retention_rule_id: id } } });
}
