import { defineTexts } from '../../app/texts';

const english = {
  title: 'Sharing',
  share: 'Share image',
  intro: 'Users of the accounts listed here can pull this image and see its tags. A share counts to the end of its last day.',
  publicTitle: 'Only private images are shared',
  publicHelp: 'This image is public: everybody can pull it already. Make it private to share it with chosen accounts.',
  publicKept: 'The shares below say nothing while it is public, and count again once it is private.',
  noRight: 'Only who manages the image sees and sets its shares',
  count: (n: string, max: string) => `${n} of ${max} accounts`,
  full: (max: string) => `An image is shared with at most ${max} accounts. End a share first.`,
  columns: { account: 'Account', until: 'Valid until', description: 'Description', permission: 'Permission', creator: 'Shared by' },
  filter: 'Account or description',
  forever: 'Permanently valid',
  ended: 'Ended',
  endsIn: (when: string) => `ends ${when}`,
  pull: 'Pull',
  edit: 'Edit share',
  editOf: (account: string) => `Edit the share with ${account}`,
  end: 'End share',
  endOf: (account: string) => `End the share with ${account}`,
  empty: 'Shared with nobody',
  emptyHelp: 'Share this image so that all users of another account can pull it, until a day you choose or permanently.',
  dialog: {
    account: 'Share with',
    accountHelp: 'The exact name of the other account; accounts cannot be listed.',
    required: 'Needed',
    self: 'This image belongs to that account already.',
    exists: (account: string) => `It is shared with ${account} already: edit that share.`,
    until: 'Valid until',
    lastDay: 'Last day',
    lastDayHelp: 'It counts to the end of this day (UTC).',
    past: 'Choose today or a later day.',
    forever: 'Permanently valid',
    onDay: 'Until a day',
    description: 'Description',
    descriptionHelp: (n: string) => `${n} of 1,000 characters`,
    tooLong: 'At most 1,000 characters.',
    permission: 'Permission',
    permissionHelp: 'A share gives nothing but to pull.',
    submit: 'Share',
    shared: (account: string) => `Shared with ${account}`,
    saved: (account: string) => `The share with ${account} was changed`,
  },
  remove: {
    goes: (account: string, image: string) => `the right of ${account} to pull ${image}; it ends at once`,
    stays: (image: string) => `the image ${image}, and what was pulled already`,
    done: (account: string) => `The share with ${account} has ended`,
  },
};

/** What a translation has to have. */
export type SharingWords = typeof english;

/** Words about shares of an image. */
export const sharingTexts = defineTexts(english, () => import('./texts.zh'));
