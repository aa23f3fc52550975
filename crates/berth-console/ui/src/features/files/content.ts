import { useQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';

/** How far the lists of layers' files are that an answer needs. */
export type Pending = components['schemas']['PendingContent'];
export type ImageFile = components['schemas']['ImageFile'];
export type FilesPage = components['schemas']['ImageFiles'];
export type FilePreview = components['schemas']['ImageFilePreview'];
export type ImagePackage = components['schemas']['ImagePackage'];

/** An answer that may have to be waited for: layers are read when somebody looks into them for the first time. */
export type Looked<T> = { pending: Pending; found: null } | { pending: null; found: T };

/** Asks; 202 says how far the server is. */
export async function look<B>(call: Promise<{ data?: B; response: Response }>): Promise<Looked<Exclude<B, Pending>>> {
  const { data: body, response } = await call;
  if (response.status === 202) return { pending: body as Pending, found: null };
  return { pending: null, found: body as Exclude<B, Pending> };
}

/** The same where it was waited for already; waits on if a list was given up meanwhile. */
export async function found<B>(call: () => Promise<{ data?: B; response: Response }>): Promise<Exclude<B, Pending>> {
  for (;;) {
    const answer = await look(call());
    if (answer.pending === null) return answer.found;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** How long to wait before the server is asked again, in milliseconds. */
const AGAIN_MS = 1000;

/** Asks until there is an answer, and tells meanwhile how far that is. */
export function useLook<T>(queryKey: readonly unknown[], queryFn: () => Promise<Looked<T>>) {
  return useQuery({
    queryKey,
    queryFn,
    refetchInterval: ({ state }) => (state.data?.pending === undefined || state.data.pending === null ? false : AGAIN_MS),
  });
}

/** An image, and of an index for which platform. */
export interface Place {
  org: string;
  image: string;
  reference: string;
  platform: string | undefined;
  /** One layer of it alone. */
  layer?: string | undefined;
}

/** The parameters of a call about an image's content. */
export function at({ org, image, reference }: Place) {
  return { namespace: org, repository: inPath(image), reference };
}

/** What a query about an image's content is known by. */
export function keyOf({ org, image, reference, platform, layer }: Place, ...what: unknown[]): readonly unknown[] {
  return ['tag', org, image, reference, 'content', platform ?? '', layer ?? '', ...what];
}

/** A page of the files in a folder, or of those below it with a text in their paths. */
export function readFiles(place: Place, folder: string, text: string, limit: number, marker?: string) {
  return api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/files', {
    params: {
      path: at(place),
      query: { platform: place.platform, layer: place.layer, path: folder, text: text === '' ? undefined : text, limit, marker },
    },
  });
}

/** A page of the packages. */
export function readPackages(place: Place, text: string, limit: number, marker?: string) {
  return api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/packages', {
    params: { path: at(place), query: { platform: place.platform, text: text === '' ? undefined : text, limit, marker } },
  });
}

/** The beginning of a file. */
export function readFile(place: Place, path: string) {
  return api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/file', {
    params: { path: at(place), query: { platform: place.platform, layer: place.layer, path } },
  });
}

/** What an image says of itself. */
export function imageQuery(place: Place) {
  return {
    queryKey: keyOf({ ...place, layer: undefined }, 'image'),
    queryFn: () =>
      data(
        api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/image', {
          params: { path: at(place), query: { platform: place.platform } },
        }),
      ),
  };
}
