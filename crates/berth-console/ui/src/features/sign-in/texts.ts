import { defineTexts } from '../../app/texts';

const english = {
  locked: 'Too many failed attempts.',
  programmatic: 'This user may not sign in here: their access is programmatic only. An administrator of the account can change that.',
  capsLock: 'Caps Lock is on',
  with: (provider: string) => `Sign in with ${provider}`,
  or: 'or with a password',
  refused: {
    refused: 'You were not signed in: the sign-in was not begun in this browser, took too long, or the provider does not vouch for you. Sign in again.',
    access: 'You may not sign in here: your access is programmatic only, or you are disabled. An administrator of the account can change that.',
    unavailable: 'The provider does not answer as it should at the moment. Try again in a while.',
    failed: 'The sign-in failed. An administrator finds why in the log of the server.',
  },
};

/** What a translation has to have. */
export type SignInWords = typeof english;

/** Words of the sign-in that the frame does not have. */
export const signInTexts = defineTexts(english, () => import('./texts.zh'));
