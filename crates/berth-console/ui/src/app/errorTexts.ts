import { ApiError } from '../api/errors';
import { defineTexts } from './texts';
import { frameTexts } from './texts.frame';

/** What the server said, in its own words: where a code stands for many rules, the sentence names the one. */
type Said = (sentence: string) => string;
const asSaid: Said = (sentence) => sentence;

/** What refusals mean, by the end of their code; for what is not here the server's own sentence is shown. */
const english = {
  busy: 'The registry is busy at the moment. Try again shortly.',
  full: 'The storage of the registry is full. Its administrator must make room.',
  denied: 'You do not have the right to do this.',
  wait: (sentence: string, time: string) => `${sentence} Try again in ${time}.`,
  seconds: (n: number) => (n === 1 ? '1 second' : `${n} seconds`),
  minutes: (n: number) => (n === 1 ? '1 minute' : `${n} minutes`),
  codes: {
    '4019000': 'Nobody is signed in, or the session has ended.',
    '0301': 'The session or key is wrong or has ended, or there were too many failures.',
    'IAM.0001': 'The account, the user name or the password is wrong.',
    'IAM.0002': 'This address of the API does not know that method.',
    'IAM.0003': 'You do not have the right to do this.',
    'IAM.0004': 'It does not exist (any more), or it is hidden from you.',
    'IAM.0005': 'It exists already. Choose another name.',
    'IAM.0011': asSaid,
    '4000014': asSaid,
    '4000055': 'Type what to search for.',
    '4000056': 'So many rows are not answered at once.',
    '4000097': 'You have created as many organizations as you may. An administrator can raise the quota.',
    '4000098': 'The account has as many images as it may. An administrator can raise the quota.',
    '4000099': 'The image has as many tags as it may. Delete old ones, or have the quota raised.',
    '4000100': asSaid,
    '4000150': asSaid,
    '4000151': 'You have as many uploads under way as you may. Finish or cancel one first.',
    '4000306': 'This retention does not exist any more.',
    '4001008': 'An organization’s name has 1 to 64 lower-case letters, digits, and single separators between them; it begins with a letter.',
    '4001009': 'An image is either public or private.',
    '4001014': asSaid,
    '4001018': asSaid,
    '4001025': asSaid,
    '4001029': 'An image’s name has 1 to 128 lower-case letters and digits, with single “.”, “_”, “-” or “/” between them.',
    '4001035': 'This filter is not understood.',
    '4001036': asSaid,
    '4001041': 'There is no account of that name to share with.',
    '4001065': 'A right is read, write or manage.',
    '4001090': 'The image is not shared with that account any more.',
    '4001091': 'A share allows pulling only.',
    '4001096': 'The list cannot be sorted by that column.',
    '4001158': 'This synchronization does not exist any more.',
    '4009021': 'A tag has 1 to 128 letters, digits, “_”, “.” or “-”, and does not begin with “.” or “-”.',
    '4030170': 'You do not have the right to do this.',
    '4037017': 'You may not manage this organization.',
    '4037018': 'You may not manage this image.',
    '4037020': 'You do not have the right that this needs on the image.',
    '4040010': 'The image does not exist (any more), or it is hidden from you.',
    '4040058': 'The organization does not exist (any more), or it is hidden from you.',
    '4040078': 'The user does not exist, or has no right on the organization.',
    '4040083': 'It does not exist (any more), or it is hidden from you.',
    '4040091': 'The user does not exist, or has no right on the image.',
    '4040115': 'The tag does not exist (any more).',
    '4040126': 'The trigger does not exist (any more).',
    '4040133': 'This rule about immutable tags does not exist (any more).',
    '4040134': 'This retention rule does not exist (any more).',
    '4040135': 'There is no rule about indexes for lazy starts.',
    '4040136': 'There is no rule about preheats.',
    '4040140': 'This is not in the bin any more: it was restored, was purged or has expired.',
    '4040150': 'This upload does not exist any more. Begin it again.',
    '4041051': 'The layer does not exist (any more).',
    '4041060': 'The manifest does not exist (any more).',
    '4041061': 'There is no such file in the image, or it is an image without files.',
    '4050000': 'This address of the API does not know that method.',
    '4060053': asSaid,
    '4060074': 'The organization still holds images. Delete them first.',
    '4090006': 'It exists already. Choose another name.',
    '4090060': 'An organization of that name exists already; names are unique in the whole registry.',
    '4090076': 'The user has a right on the organization already. Change it instead.',
    '4090089': 'It exists already. Change it instead.',
    '4090133': 'There is the same rule about immutable tags already.',
    '4090134': asSaid,
    '4090140': 'A tag or image of that name is there now. Have it overwritten, or choose another name.',
    '4131001': 'What was sent is too large.',
    '4131012': 'The description is too long: at most 30,000 characters.',
    '4160150': 'The upload stands elsewhere than this page thought. It goes on from there.',
    '4290001': 'Too many pages of the console are open at once. Close some of them.',
    '4290002': 'Too many requests in a short time. Wait a moment and try again.',
    '5000000': 'Something failed inside the registry. Its operator finds it in the log by the request’s id.',
    '5030000': 'The registry is too busy, or its storage cannot be reached at the moment. Try again shortly.',
    '5070070': 'The storage of the registry is full. Its administrator must make room.',
  } as { [code: string]: string | Said },
};

/** What a translation has to have. */
export type ErrorWords = typeof english;

/** Words for refusals. */
export const errorTexts = defineTexts(english, () => import('./errorTexts.zh'));

// Errors are also told where nothing can wait for words.
void errorTexts.load();

/** The codes that have words, for the test that no translation lacks one. */
export const explainedCodes = Object.keys(english.codes);

/** An error in a sentence. */
export function explain(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  const t = errorTexts.now();
  if (error.status === 0) return frameTexts.now().offline;
  const sentence = ofCode(error, t.codes) ?? ofStatus(error, t);
  if (error.retryAfter === undefined || error.status === 503) return sentence;
  const time = error.retryAfter < 90 ? t.seconds(error.retryAfter) : t.minutes(Math.ceil(error.retryAfter / 60));
  return t.wait(sentence, time);
}

/** IAM's codes are whole, SWR's and the gateway's are told by what stands after the last dot. */
function ofCode(error: ApiError, codes: ErrorWords['codes']): string | undefined {
  const words = codes[error.code] ?? codes[error.code.slice(error.code.lastIndexOf('.') + 1)];
  return typeof words === 'function' ? words(error.message) : words;
}

function ofStatus(error: ApiError, t: ErrorWords): string {
  if (error.message !== '') return error.message;
  if (error.status === 503) return t.busy;
  if (error.status === 507) return t.full;
  if (error.status === 403) return t.denied;
  return `${error.status}`;
}
