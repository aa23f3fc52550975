import { queryOptions } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';

/** A rule that makes tags immutable. */
export type Rule = components['schemas']['ImmutabilityDocument'];
/** What a rule covers. */
export type Covered = components['schemas']['CoveredDocument'];

/** Whose rules: an image's, or an organization's for all its images. */
export interface Place {
  org: string;
  image?: string | undefined;
}

/** A rule as a form has it. */
export interface Draft {
  pattern: string;
  kind: 'glob' | 'regex';
  except: string;
  images: string;
}

/** An empty form. */
export const NEW_RULE: Draft = { pattern: '', kind: 'glob', except: '', images: '' };

/** The most characters of a pattern. */
export const PATTERN_MAX = 256;

const ORGANIZATION = '/v2/manage/namespaces/{namespace}';
const IMAGE = `${ORGANIZATION}/repos/{repository}` as const;

const imagePath = (org: string, image: string) => ({ namespace: org, repository: inPath(image) });

function bodyOf({ pattern, kind, except }: Draft) {
  return { pattern, kind, ...(except === '' ? {} : { except }) };
}

const ofImages = ({ images }: Draft) => (images === '' ? {} : { images });

/** The rules that hold for an image, or those of an organization. */
export function rulesQuery({ org, image }: Place) {
  return queryOptions({
    queryKey: ['immutability', org, image ?? null],
    placeholderData: undefined,
    queryFn: () =>
      image === undefined
        ? data(api.GET(`${ORGANIZATION}/immutability`, { params: { path: { namespace: org } } }))
        : data(api.GET(`${IMAGE}/immutability`, { params: { path: imagePath(org, image) } })),
  });
}

/** Which tags that are there a rule covers. */
export function coveredQuery({ org, image }: Place, draft: Draft) {
  return queryOptions({
    queryKey: ['immutability', org, image ?? null, 'preview', draft],
    retry: false,
    queryFn: (): Promise<Covered> =>
      image === undefined
        ? data(api.POST(`${ORGANIZATION}/immutability/preview`, { params: { path: { namespace: org } }, body: { ...bodyOf(draft), ...ofImages(draft) } }))
        : data(api.POST(`${IMAGE}/immutability/preview`, { params: { path: imagePath(org, image) }, body: bodyOf(draft) })),
  });
}

/** Makes a rule. */
export async function addRule({ org, image }: Place, draft: Draft): Promise<void> {
  if (image === undefined) {
    await api.POST(`${ORGANIZATION}/immutability`, { params: { path: { namespace: org } }, body: { ...bodyOf(draft), ...ofImages(draft) } });
  } else {
    await api.POST(`${IMAGE}/immutability`, { params: { path: imagePath(org, image) }, body: bodyOf(draft) });
  }
}

/** Deletes a rule where it was made. */
export async function removeRule({ org, image }: Place, id: number): Promise<void> {
  if (image === undefined) {
    await api.DELETE(`${ORGANIZATION}/immutability/{rule_id}`, { params: { path: { namespace: org, rule_id: id } } });
  } else {
    await api.DELETE(`${IMAGE}/immutability/{rule_id}`, { params: { path: { ...imagePath(org, image), rule_id: id } } });
  }
}

/** The form of a rule that is there. */
export function draftOf(rule: Rule): Draft {
  return { pattern: rule.pattern, kind: rule.kind === 'regex' ? 'regex' : 'glob', except: rule.except ?? '', images: rule.images ?? '' };
}
