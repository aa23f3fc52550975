import { useQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import type { components } from '../../api/schema';
import type { Part } from '../../components/rows';
import { allows, type Right } from '../image/panel';

/** What an image is filed under. */
export type Category = components['schemas']['Category'];

/** All that an image can be filed under, in SWR's order. */
export const CATEGORIES: Category[] = ['app_server', 'linux', 'windows', 'arm', 'framework_app', 'database', 'lang', 'other'];

/** An image in a list. */
export interface ListedImage {
  namespace: string;
  /** The name within the organization, with `/`. */
  name: string;
  /** What clients pull, without a tag. */
  path: string;
  domain_name: string;
  is_public: boolean;
  category: string;
  description: string;
  num_images: number;
  size: number;
  num_download: number;
  updated_at: string;
  newest: string | undefined;
  /** Whether a share is valid, in lists of these. */
  valid: boolean;
  /** The last day of the share with the reader's account; nothing when it has none. */
  deadline: string | null | undefined;
  /** What its owner wrote to the share. */
  shareNote: string;
  /** With how many accounts it is shared now, where the list tells. */
  shares: number | undefined;
  /** What the reader may do; nothing where the list does not tell. */
  right: Right | undefined;
}

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
  const filter = [
    wanted.org !== '' && `namespace::${wanted.org}`,
    wanted.text !== '' && `name::${wanted.text}`,
    wanted.category !== '' && wanted.set === 'own' && `category::${wanted.category}`,
    wanted.visibility !== '' && wanted.set === 'own' && `is_public::${wanted.visibility === 'public'}`,
    wanted.state !== '' && wanted.set !== 'own' && `status::${wanted.state === 'valid'}`,
    `offset::${offset}`,
    `limit::${limit}`,
    `order_column::${wanted.column}`,
    `order_type::${wanted.descending ? 'desc' : 'asc'}`,
  ];
  const query = { filter: filter.filter((part) => part !== false).join('|') };
  const rows =
    wanted.set === 'own'
      ? await data(api.GET('/v2/manage/repos', { params: { query } }))
      : await data(
          api.GET('/v2/manage/shared-repositories', {
            params: { query: { ...query, center: wanted.set === 'shared_by_me' ? 'selfaccount' : 'thirdparty' } },
          }),
        );
  return { rows: rows.map((row) => ({ ...row, newest: row.tags[0], valid: row.status, deadline: undefined, shareNote: '', shares: undefined, right: undefined })), total: rows[0]?.total_range ?? 0 };
}

/** The names of the reader's organizations, with what they may do there. */
export function useOrganizationNames() {
  return useQuery({
    queryKey: ['organizations', 'names'],
    queryFn: async () => {
      const { namespaces } = await data(api.GET('/v2/manage/namespaces', { params: { query: { filter: 'mode::visible' } } }));
      return namespaces.map((one) => ({ name: one.name, right: rightOf(one.auth) }));
    },
  });
}

/** A right of the wire: 7 manages, 3 writes, 1 reads. */
export function rightOf(auth: number): Right {
  return auth >= 7 ? 'manage' : auth >= 3 ? 'write' : 'read';
}

/** Whether a right, if there is one, allows what needs another. */
export function may(right: Right | undefined, needed: Right): boolean {
  return right !== undefined && allows(right, needed);
}
