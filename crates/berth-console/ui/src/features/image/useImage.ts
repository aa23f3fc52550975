import { queryOptions, useSuspenseQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { ApiError } from '../../api/errors';
import type { components } from '../../api/schema';
import { useSession } from '../../app/session';
import type { Right } from './panel';

/** An image as its page shows it. */
export interface Image {
  /** What clients pull, without a tag. */
  path: string;
  is_public: boolean;
  category: string;
  description: string;
  /** How many tags it has. */
  num_images: number;
  size: number;
  num_download: number;
  created_at: string;
  updated_at: string;
  creator_name: string;
  domain_id: string;
}

function shown(repo: components['schemas']['Repo']): Image {
  return { ...repo, created_at: repo.created, updated_at: repo.updated };
}

/** What an image is and says of itself. */
export function imageQuery(org: string, image: string) {
  return queryOptions({
    queryKey: ['image', org, image],
    queryFn: async () => {
      const path = { namespace: org, repository: inPath(image) };
      return shown(await data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}', { params: { path } })));
    },
    placeholderData: undefined,
  });
}

/** What the reader may do with an image; who only has it shared, or finds it public, reads. */
function rightQuery(org: string, image: string) {
  return queryOptions({
    queryKey: ['image', org, image, 'right'],
    placeholderData: undefined,
    queryFn: async (): Promise<Right> => {
      try {
        const path = { namespace: org, repository: inPath(image) };
        const rights = await data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/access', { params: { path } }));
        return rights.self_auth.auth >= 7 ? 'manage' : rights.self_auth.auth >= 3 ? 'write' : 'read';
      } catch (error) {
        if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return 'read';
        throw error;
      }
    },
  });
}

/** The image of a page, and what the reader may do with it. */
export function useImage(org: string, name: string): { image: Image; right: Right } {
  const session = useSession();
  const image = useSuspenseQuery(imageQuery(org, name)).data;
  const right = useSuspenseQuery(rightQuery(org, name)).data;
  const own = session.administrator && image.domain_id === session.domain_id;
  return { image, right: own ? 'manage' : right };
}
