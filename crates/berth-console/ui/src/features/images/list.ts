import { useQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import type { Part } from '../../components/rows';
import { allows, type Right } from '../image/panel';

/** What an image is filed under. */
export type Category = components['schemas']['Category'];

/** All that an image can be filed under, in SWR's order. */
export const CATEGORIES: Category[] = ['app_server', 'linux', 'windows', 'arm', 'framework_app', 'database', 'lang', 'other'];

/** An image in a list, with what the reader may do with it. */
export type ListedImage = components['schemas']['ImageOfList'];

/** What of a list of images is shown. */
export interface ImagesWanted {
  set: 'own' | 'shared_by_me' | 'shared_with_me';
  text: string;
  org: string;
  category: string;
  visibility: string;
  /** `valid` or `ended`, of shares. */
  state: string;
  column: string;
  descending: boolean;
}

/** A part of a list of images. */
export async function readImages(wanted: ImagesWanted, offset: number, limit: number): Promise<Part<ListedImage>> {
  const query = {
    set: wanted.set,
    offset,
    limit,
    order_column: wanted.column,
    order_type: wanted.descending ? ('desc' as const) : ('asc' as const),
    ...(wanted.text === '' ? {} : { text: wanted.text.toLowerCase() }),
    ...(wanted.org === '' ? {} : { namespace: wanted.org }),
    ...(wanted.category === '' ? {} : { category: wanted.category }),
    ...(wanted.visibility === '' ? {} : { is_public: wanted.visibility === 'public' }),
    ...(wanted.state === '' ? {} : { status: wanted.state === 'valid' }),
  };
  const { images, total } = await data(api.GET('/v2/manage/images', { params: { query } }));
  return { rows: images, total };
}

/** As many as one answer has at most. */
const ALL = 1000;

/** The names of the reader's organizations, with what they may do there; nothing where only single images are theirs. */
export function useOrganizationNames() {
  return useQuery({
    queryKey: ['organizations', 'names'],
    queryFn: async () => {
      const { organizations } = await data(api.GET('/v2/manage/organizations', { params: { query: { limit: ALL } } }));
      return organizations.map((one) => ({ name: one.name, right: rightOnAll(one.self_rights) }));
    },
  });
}

/** The right on the whole of an organization; one on an image of it is none. */
export function rightOnAll(rights: components['schemas']['OrganizationDocument']['self_rights']): Right | undefined {
  return rights === null || rights === undefined || rights.source === 'image' ? undefined : rights.permission;
}

/** A right of the older operations: 7 manages, 3 writes, 1 reads. */
export function rightOf(auth: number): Right {
  return auth >= 7 ? 'manage' : auth >= 3 ? 'write' : 'read';
}

/** Whether a right, if there is one, allows what needs another. */
export function may(right: Right | undefined, needed: Right): boolean {
  return right !== undefined && allows(right, needed);
}

/** Whether what somebody may do with an image of a list allows what needs a right. */
export function mayWith(image: ListedImage, needed: Right): boolean {
  return may(image.self_rights?.permission, needed);
}
