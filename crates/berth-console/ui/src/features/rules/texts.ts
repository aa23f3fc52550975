import { defineTexts } from '../../app/texts';

const english = {
  retention: 'Retention of all images',
  retentionHelp: 'For every image without a policy of its own. Of several rules that are for a tag, every one must let it go.',
  add: 'Add rule',
  empty: 'All images keep all their tags',
  emptyHelp: 'Let old tags of every image go by themselves.',
  columns: { enabled: 'On', rule: 'Rule', images: 'Images', tags: 'Tags' },
  all: 'All',
  toggle: (rule: string) => `In force: ${rule}`,
  edit: (rule: string) => `Change: ${rule}`,
  remove: (rule: string) => `Delete: ${rule}`,
  needsManage: 'Rules of an organization need the manage right on it.',
  dialog: {
    add: 'Add a retention rule',
    change: 'Change the retention rule',
    images: 'Images',
    imagesHelp: 'A pattern of their names, in which * stops at “/” and ** does not; empty for all',
    tags: 'Tags that the rule is for',
    tagsHelp: 'A pattern with *, ? and {a,b}; empty for all',
    enabled: 'In force',
    save: 'Save',
    deletes: (n: string) => `Save and delete ${n} tags now`,
    saved: 'The rule is saved; runs have begun',
    preview: 'What all rules do together',
    wait: 'The preview stands here as soon as the rule is whole.',
    counts: (goes: string, stays: string) => `${goes} tags go, ${stays} stay`,
    page: (n: number) => `Of the first ${n} images.`,
    image: 'Image',
    goes: 'Go',
    stays: 'Stay',
    own: 'has a policy of its own',
    nothing: 'No tag goes.',
  },
  removeDialog: {
    title: 'Delete this rule?',
    stays: ['All tags that are there now, unless another rule lets them go'],
    done: 'The rule is deleted',
  },
};

/** What a translation has to have. */
export type RulesWords = typeof english;

/** Words about the rules of an organization. */
export const rulesTexts = defineTexts(english, () => import('./texts.zh'));
