import { defineTexts } from '../../app/texts';

const english = {
  title: 'Quotas',
  help: 'What is there already stays when a quota is lowered; what would be one too many is refused.',
  names: {
    namespace: 'Organizations you created',
    repository: 'Images of the account',
    tag: 'Tags of one image',
    storage: 'Bytes of the account',
  } as { [key: string]: string },
  limits: {
    namespace: 'Organizations that one user may create',
    repository: 'Images of the account',
    tag: 'Tags of one image',
    bytes: 'Bytes of the account',
  },
  of: (used: string, limit: string) => `${used} of ${limit}`,
  change: 'Change',
  changeAccount: 'Quotas of the account',
  emptyIsNone: 'Left empty: as the server’s settings say, or without limit',
  operatorOnly: 'Set by the administrators of the operator’s account.',
  unit: 'Unit',
  whole: 'A number from 0 on',
  changed: 'The quotas were changed',
};

/** What a translation has to have. */
export type QuotaWords = typeof english;

/** Words of quotas. */
export const quotaTexts = defineTexts(english, () => import('./texts.zh'));
