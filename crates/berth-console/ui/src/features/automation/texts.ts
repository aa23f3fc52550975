import { defineTexts } from '../../app/texts';

const english = {
  triggers: { title: 'Triggers', intro: 'What acts when an image is pushed, image by image.' },
  sync: { title: 'Synchronization', intro: 'Where images are sent, and how that stands, image by image.' },
  retention: { title: 'Retention', intro: 'How long tags are kept: by the rules of an organization, or by an image’s own policy.' },
  immutability: { title: 'Immutable tags', intro: 'Which tags neither move nor go: by the rules of an organization and of its images.' },
  which: 'Rules of',
  images: 'Images',
  organizations: 'Organizations',
  filter: 'Find by name',
  choose: 'Choose an image',
  chooseEither: 'Choose an organization or an image',
  chooseHelp: 'Its rules, runs and records stand here.',
  noImages: 'There is no image yet',
  noOrganizations: 'There is no organization yet',
  more: 'Show more',
  open: (name: string) => `Open ${name}`,
  dead: {
    title: 'Deliveries that were given up',
    empty: 'Every webhook was delivered',
    trigger: 'Trigger',
    image: 'Image',
    tag: 'Tag',
    url: 'Address',
    why: 'Why',
    when: 'Last attempt',
    again: 'Send again',
    againOf: (trigger: string, tag: string) => `Send ${tag} of ${trigger} again`,
    done: 'It is sent once more',
  },
};

/** What a translation has to have. */
export type AutomationWords = typeof english;

/** Words of the pages across images. */
export const automationTexts = defineTexts(english, () => import('./texts.zh'));
