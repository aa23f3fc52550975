import { defineTexts } from '../../app/texts';

const english = {
  title: 'Immutable tags',
  intro: 'A tag that a rule covers goes on naming what it names: nobody can push over it, move it or delete it, until the rule is deleted.',
  titleOrganization: 'Immutable tags of all images',
  add: 'Add rule',
  empty: 'Every tag can be moved and deleted',
  emptyHelp: 'Protect releases from being overwritten, such as all tags but latest.',
  columns: { pattern: 'Tags', kind: 'Read as', except: 'Except', images: 'Images', on: 'Comes from', by: 'Set by', since: 'Since' },
  kinds: { glob: 'Pattern', regex: 'Regular expression' },
  on: { image: 'This image', organization: (org: string) => `Organization ${org}` },
  allImages: 'All',
  inherited: 'Rules of the organization are changed on the organization’s page.',
  covers: 'Show the tags that it covers',
  coversOf: (pattern: string) => `Tags that ${pattern} covers`,
  dialog: {
    title: 'Make tags immutable',
    pattern: 'Tags',
    patternHelp: '* stands for any characters, ? for one, {a,b} for either',
    expressionHelp: 'Covers a tag when a part of it matches; ^ and $ stand for its ends',
    kind: 'Read as',
    except: 'Except',
    exceptHelp: 'Tags that are left out, read in the same way; may be empty',
    images: 'Images',
    imagesHelp: 'A pattern of their names, in which * stops at “/” and ** does not; empty for all',
    required: 'Needed, at most 256 characters',
    submit: 'Make immutable',
    done: 'The rule is in force',
  },
  preview: {
    title: 'What it would cover now',
    wait: 'Write a pattern to see which tags it covers.',
    found: (n: string) => `${n} tags`,
    one: '1 tag',
    none: 'None of the tags that are there',
    first: (n: number) => `The first ${n}:`,
    more: 'There are more tags than the 100,000 that were looked at.',
  },
  remove: {
    action: (pattern: string) => `Delete the rule on ${pattern}`,
    title: 'Delete this rule?',
    goes: (pattern: string) => `The rule on ${pattern}: the tags that only it covers can be moved and deleted again`,
    stays: ['All tags, as they are'],
    done: 'The rule is deleted',
  },
};

/** What a translation has to have. */
export type ImmutabilityWords = typeof english;

/** Words about immutable tags. */
export const immutabilityTexts = defineTexts(english, () => import('./texts.zh'));
