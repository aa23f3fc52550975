import type { components } from '../../api/schema';

/** A rule as the API has it. */
export type Rule = components['schemas']['RetentionRule'];

/** A rule as somebody writes it in a sentence. */
export interface Draft {
  kind: 'days' | 'newest';
  /** Days, or how many stay; a text while it is no number. */
  number: number | string;
  /** Tags that stay, with `*` and `?`. */
  tags: string[];
  /** Regular expressions of tags that stay. */
  expressions: string[];
}

/** The sentence one begins with. */
export const FIRST_DRAFT: Draft = { kind: 'days', number: 30, tags: ['latest'], expressions: [] };

/** The largest number of each kind; the least is 1. */
export const NUMBER_MAX = { days: 365, newest: 1000 } as const;

/** How many selectors a rule may have. */
export const SELECTORS_MAX = 100;

const GLOB = /^[A-Za-z0-9_.*?-]{1,128}$/;

/** Whether this can be a tag, or a pattern of tags with `*` and `?`. */
export function isTagOrGlob(text: string): boolean {
  return GLOB.test(text);
}

/** What the API keeps of a glob: the regular expression that means the same. */
export function expressionOf(glob: string): string {
  return `^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`;
}

/** The glob that an expression was made of; nothing for an expression that somebody wrote. */
export function globOf(expression: string): string | undefined {
  if (!expression.startsWith('^') || !expression.endsWith('$')) return undefined;
  // In this order a dot of the tag is put aside before the dots that mean anything.
  const glob = expression.slice(1, -1).replaceAll('\\.', '\0').replaceAll('.*', '*').replaceAll('.', '?').replaceAll('\0', '.');
  return isTagOrGlob(glob) && expressionOf(glob) === expression ? glob : undefined;
}

/** The rule of a sentence. */
export function ruleOf(draft: Draft): Rule {
  const isGlob = (tag: string) => /[*?]/.test(tag);
  return {
    template: draft.kind === 'days' ? 'date_rule' : 'tag_rule',
    params: draft.kind === 'days' ? { days: String(draft.number) } : { num: String(draft.number) },
    tag_selectors: [
      ...draft.tags.map((tag) => (isGlob(tag) ? { kind: 'regexp', pattern: expressionOf(tag) } : { kind: 'label', pattern: tag })),
      ...draft.expressions.map((pattern) => ({ kind: 'regexp', pattern })),
    ],
  };
}

/** The sentence of a rule. */
export function draftOf(rule: Rule): Draft {
  const days = rule.template === 'date_rule';
  const draft: Draft = { kind: days ? 'days' : 'newest', number: Number(days ? rule.params.days : rule.params.num), tags: [], expressions: [] };
  for (const { kind, pattern } of rule.tag_selectors) {
    const tag = kind === 'label' ? pattern : globOf(pattern);
    if (tag === undefined) draft.expressions.push(pattern);
    else draft.tags.push(tag);
  }
  return draft;
}

/** Whether the API would take the number and the selectors; what a regular expression means it alone knows. */
export function isWhole(draft: Draft): boolean {
  const { number } = draft;
  return (
    typeof number === 'number' &&
    Number.isInteger(number) &&
    number >= 1 &&
    number <= NUMBER_MAX[draft.kind] &&
    draft.tags.every(isTagOrGlob) &&
    draft.tags.length + draft.expressions.length <= SELECTORS_MAX
  );
}
