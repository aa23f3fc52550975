import { defineTexts } from '../../app/texts';

const english = {
  title: 'Organizations',
  intro: 'They hold the images, and say who may do what with them.',
  create: 'Create organization',
  quota: (used: string, limit: string) => `You have created ${used} of ${limit} organizations`,
  quotaFull: (limit: string) => `You have created all ${limit} organizations that you may. An administrator of the account can raise the quota.`,
  filter: 'Name of the organization',
  columns: { name: 'Organization', images: 'Images', tags: 'Tags', size: 'Size', role: 'My role', users: 'Users', creator: 'Created by', created: 'Created' },
  sources: {
    administrator: 'As an administrator of the account',
    organization: 'Granted on the organization',
    image: 'Granted on images of it',
    share: 'By a share',
    public: 'Public images',
  },
  imageOnly: 'Single images',
  organizations: (n: string, of: number) => (of === 1 ? `${n} organization` : `${n} organizations`),
  empty: {
    title: 'You have no organization yet',
    help: 'An organization holds images. Create one, and you manage it: you can give others the right to read, write or manage.',
  },
  new: {
    title: 'Create organization',
    name: 'Name',
    help: 'Unique in the whole region. It becomes part of the address of every image in it and cannot be changed.',
    rules: {
      start: 'Begins with a lower-case letter',
      characters: 'Lower-case letters, digits, and . _ - between them',
      length: 'At most 64 characters',
    },
    met: 'met',
    unmet: 'not met',
    address: (path: string) => `Images in it: ${path}`,
    exists: (name: string) => `The organization ${name} already exists. Names are unique across all accounts: choose another one.`,
    submit: 'Create',
    created: (name: string) => `${name} was created`,
  },
  crumb: 'Organizations',
  tabsLabel: 'About this organization',
  tab: { images: 'Images', users: 'Users', rules: 'Rules', settings: 'Settings' },
  facts: {
    role: (role: string) => `Your right: ${role}`,
    creator: (name: string) => `Created by ${name}`,
    users: (n: string, of: number) => (of === 1 ? `${n} user` : `${n} users`),
    tags: (n: string, of: number) => (of === 1 ? `${n} tag` : `${n} tags`),
    images: (n: string, of: number) => (of === 1 ? `${n} image` : `${n} images`),
  },
  noImages: 'No image yet',
  noImagesHelp: 'Push one with a client, upload a package, or create an empty one first.',
  noImagesRead: 'There is no image here that you may see.',
  storage: {
    title: 'Storage and quota',
    holds: 'Holds',
    saved: 'Saved by shared layers',
    alone: 'Freed if it went',
    quota: 'Quota',
    noQuota: 'As much as the account may have',
    used: (used: string, quota: string) => `${used} of ${quota}`,
    change: 'Change quota',
    edit: 'Change the quota',
    limit: 'Limit the bytes of this organization',
    amount: 'At most',
    unit: 'Unit',
    whole: 'A whole number from 1 on',
    changed: (name: string) => `The quota of ${name} was changed`,
    help: 'Pushes that would go beyond it are refused with a message that says so. Each image counts each of its layers once.',
  },
  delete: {
    title: 'Delete organization',
    help: 'Its name can be taken by anybody afterwards. It must hold no image any more.',
    action: 'Delete organization',
    of: (name: string) => `Delete ${name}`,
    goes: (name: string) => `the organization ${name}, with its rights, rules and quota`,
    stays: 'images in the bin, until they expire there; they cannot be restored without the organization',
    confirm: 'Delete organization',
    done: (name: string) => `${name} was deleted`,
    blocked: (n: string, of: number) => (of === 1 ? `${n} image is still in it. Delete it first:` : `${n} images are still in it. Delete them first:`),
    more: (n: string) => `and ${n} more`,
    all: 'Show all images',
  },
};

/** What a translation has to have. */
export type OrganizationsWords = typeof english;

/** Words of the pages of organizations. */
export const organizationsTexts = defineTexts(english, () => import('./texts.zh'));
