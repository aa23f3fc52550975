import { defineTexts } from '../../app/texts';

const english = {
  once: {
    title: 'Keep the secret key now',
    help: 'It is shown this once. Who loses it makes a new key.',
    access: 'Access key ID (AK)',
    secret: 'Secret access key (SK)',
    download: 'Download as CSV',
  },
};

/** What a translation has to have. */
export type AccessWords = typeof english;

/** Words of users, groups and keys. */
export const accessTexts = defineTexts(english, () => import('./texts.zh'));
