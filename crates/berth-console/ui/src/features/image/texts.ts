import { defineTexts } from '../../app/texts';

const english = {
  crumb: 'Images',
  tabsLabel: 'About this image',
  tab: {
    tags: 'Tags',
    description: 'Overview',
    permissions: 'Permissions',
    sharing: 'Sharing',
    triggers: 'Triggers',
    retention: 'Retention',
    immutability: 'Immutable tags',
    sync: 'Synchronization',
    acceleration: 'Acceleration',
    guide: 'Pull/Push',
  },
  public: 'Public',
  private: 'Private',
  tags: (n: string, of: number) => (of === 1 ? `${n} tag` : `${n} tags`),
  pulls: (n: string, of: number) => (of === 1 ? `${n} pull` : `${n} pulls`),
  updated: 'Updated',
};

/** What a translation has to have. */
export type ImageWords = typeof english;

/** Words of an image's page. */
export const imageTexts = defineTexts(english, () => import('./texts.zh'));
