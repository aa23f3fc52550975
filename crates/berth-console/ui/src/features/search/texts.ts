import { defineTexts } from '../../app/texts';

const english = {
  label: 'Search organizations, images, tags and digests',
  hint: 'Names in part, tags and digests by their beginning; image:tag looks for tags of such images',
  pages: 'Pages',
  organizations: 'Organizations',
  images: 'Images',
  tags: 'Tags',
  manifests: 'Manifests',
  blobs: 'Layers and configurations',
  tagCount: (n: number) => (n === 1 ? '1 tag' : `${n} tags`),
  public: 'public',
  nothing: (text: string) => `Nothing is called “${text}”, as far as you may see.`,
  searching: 'Searching…',
};

/** What a translation has to have. */
export type SearchWords = typeof english;

/** Words of the search. */
export const searchTexts = defineTexts(english, () => import('./texts.zh'));
