import { ApiError } from '../api/errors';
import { defineTexts } from './texts';
import { frameTexts } from './texts.frame';

/** What refusals mean, by the end of their code; for what is not here the server's own sentence is shown. */
const english = {
  busy: 'The registry is busy at the moment. Try again shortly.',
  full: 'The storage of the registry is full. Its administrator must make room.',
  denied: 'You do not have the right to do this.',
};

/** What a translation has to have. */
export type ErrorWords = typeof english;

const texts = defineTexts(english, () => import('./errorTexts.zh'));

/** An error in a sentence. */
export function explain(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  const t = texts.now();
  if (error.status === 0) return frameTexts.now().offline;
  if (error.message !== '') return error.message;
  if (error.status === 503) return t.busy;
  if (error.status === 507) return t.full;
  if (error.status === 403) return t.denied;
  return `${error.status}`;
}
