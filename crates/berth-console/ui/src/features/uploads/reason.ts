import { ApiError } from '../../api/errors';
import { FORMAT, type Item } from './queue';
import { uploadTexts } from './texts';

/** Why an upload failed. */
export interface Reason {
  title: string;
  sentence: string;
  requestId: string;
}

/** Why nothing more comes of an upload, in the reader's language as far as the code is known; null while something may. */
export function reasonOf(item: Item): Reason | null {
  const t = uploadTexts.now();
  const failure = item.upload?.failure;
  if (failure != null) return { title: titleOf(failure.error_code), sentence: failure.error_msg, requestId: '' };
  if (item.phase !== 'refused' || item.error === null) return null;
  if (!(item.error instanceof ApiError)) return { title: t.refusals.other, sentence: item.error.message, requestId: '' };
  const { code, message, requestId } = item.error;
  const sentence = code === FORMAT && message === '' ? t.notArchive : message;
  return { title: titleOf(code), sentence, requestId };
}

function titleOf(code: string): string {
  const t = uploadTexts.now().refusals;
  switch (code.split('.').at(-1)) {
    case '4000150':
      return t.format;
    case '4001029':
    case '4009021':
      return t.name;
    case '4030170':
    case '4037017':
    case '4037018':
      return t.denied;
    case '4000098':
    case '4000099':
    case '4000100':
      return t.quota;
    case '4090134':
      return t.immutable;
    case '4131001':
      return t.tooLarge;
    case '4000151':
      return t.files;
    case '4040150':
      return t.gone;
    default:
      return t.other;
  }
}
