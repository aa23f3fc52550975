import { defineTexts } from '../../app/texts';

const english = {
  title: 'Image center',
  intro: 'Public images of this registry. Everybody may pull them, also without signing in.',
  search: 'Search by name or description',
  list: 'Public images',
  category: 'Category',
  anyCategory: 'All categories',
  architecture: 'Architecture',
  anyArchitecture: 'All architectures',
  column: { name: 'Image', description: 'Description', platforms: 'Newest tag runs on', pulls: 'Pulls', updated: 'Updated' },
  pullOf: (name: string) => `the pull command of ${name}`,
  noTags: 'No tag yet',
  categories: {
    app_server: 'Application server',
    linux: 'Linux',
    framework_app: 'Framework & application',
    database: 'Database',
    lang: 'Language',
    other: 'Others',
    windows: 'Windows',
    arm: 'Arm',
  },
  empty: { title: 'No public images yet', help: 'An image is listed here once someone with the write right makes it public.' },
  filtered: 'No public image fits',
  closed: { title: 'Sign in to see public images', help: 'This registry shows its public images to people who are signed in only.', action: 'Sign in' },
  hidden: { title: 'Sign in to see this image', help: 'It is not public, or there is no such image.' },
  facts: {
    tags: (n: string, of: number) => (of === 1 ? `${n} tag` : `${n} tags`),
    pulls: (n: string, of: number) => (of === 1 ? `${n} pull` : `${n} pulls`),
    updated: 'Updated',
    by: (account: string) => `from ${account}`,
  },
  pull: 'Pull',
  pullHelp: 'The newest tag, with the client of your choice. No login is needed.',
  about: 'About this image',
  noDescription: 'Nobody described this image yet.',
  tags: 'Tags',
  tagList: (image: string) => `Tags of ${image}`,
  filterTags: 'Filter tags',
  tagColumn: { tag: 'Tag', platforms: 'Platforms', size: 'Size', updated: 'Pushed' },
  noTagsHelp: 'Once a tag is pushed, it stands here.',
  noTagFits: 'No tag fits the filter',
  open: 'Open in my images',
};

/** What a translation has to have. */
export type CenterWords = typeof english;

/** Words of the image centre. */
export const centerTexts = defineTexts(english, () => import('./texts.zh'));
