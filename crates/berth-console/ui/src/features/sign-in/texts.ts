import { defineTexts } from '../../app/texts';

const english = {
  locked: 'Too many failed attempts.',
  programmatic: 'This user may not sign in here: their access is programmatic only. An administrator of the account can change that.',
  capsLock: 'Caps Lock is on',
};

/** What a translation has to have. */
export type SignInWords = typeof english;

/** Words of the sign-in that the frame does not have. */
export const signInTexts = defineTexts(english, () => import('./texts.zh'));
