import { queryOptions } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** An organization that stands for another registry. */
export type Mirror = components['schemas']['Mirror'];
/** How a mirror does. */
export type MirrorFigures = components['schemas']['MirrorFigures'];

/** How often figures are read again while somebody looks, in milliseconds. */
const FIGURES_EVERY = 10_000;

/** The mirrors of the account. */
export const mirrorsQuery = queryOptions({ queryKey: ['mirrors'], queryFn: () => data(api.GET('/v2/manage/mirrors')) });

/** What a mirror saved, what the other registry still answers, and what went wrong. */
export const figuresQuery = (mirror: string) =>
  queryOptions({
    queryKey: ['mirrors', mirror, 'figures'],
    placeholderData: undefined,
    refetchInterval: FIGURES_EVERY,
    queryFn: () => data(api.GET('/v2/manage/mirrors/{mirror}/figures', { params: { path: { mirror } } })),
  });

/** Has what the mirror's rules name fetched now. */
export const prefetch = (mirror: string) => api.POST('/v2/manage/mirrors/{mirror}/prefetch', { params: { path: { mirror } } });
