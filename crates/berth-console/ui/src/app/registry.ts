import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, data } from '../api/client';

/** How container clients reach this registry. */
export interface RegistryAddress {
  /** Host and port as they stand in front of the name of an image. */
  host: string;
  /** Whether it is reached over TLS. */
  secure: boolean;
}

/** The address at which this page was opened; clients usually have the same. */
const here: RegistryAddress = { host: location.host, secure: location.protocol === 'https:' };

/** The server's address as it tells it itself: the setting `external_url` may differ from where the console was opened. */
const addressQuery = queryOptions({
  queryKey: ['address'],
  staleTime: Infinity,
  retry: false,
  placeholderData: undefined,
  queryFn: async (): Promise<RegistryAddress> => {
    const { links } = await data(api.GET('/v3/auth/projects'));
    return addressOf(links.self) ?? here;
  },
});

/** Reads host and scheme off a link of the server. */
export function addressOf(link: string): RegistryAddress | null {
  if (!URL.canParse(link)) return null;
  const url = new URL(link);
  return { host: url.host, secure: url.protocol === 'https:' };
}

/** How container clients reach this registry; the address of this page until the server has told. */
export function useRegistryAddress(): RegistryAddress {
  return useQuery(addressQuery).data ?? here;
}
