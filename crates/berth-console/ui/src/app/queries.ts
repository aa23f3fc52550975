import { QueryClient } from '@tanstack/react-query';
import { ApiError } from '../api/errors';

/** A refusal stays one; a server that was away or busy is asked again. */
function again(failures: number, error: Error): boolean {
  const passing = error instanceof ApiError && (error.status === 0 || error.status === 503);
  return passing && failures < 2;
}

/** What was read from the API; stale things stay visible while they are read again. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 15_000, retry: again, refetchOnWindowFocus: true, placeholderData: (old: unknown) => old },
    mutations: { retry: false },
  },
});
