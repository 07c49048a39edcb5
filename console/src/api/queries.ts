// How server state is kept: TanStack Query's defaults for the console.
import { QueryClient } from '@tanstack/svelte-query';
import { ApiError, Unreachable } from './http';

/** Whether asking again may help without anybody doing anything. */
function worthRetrying(failures: number, error: Error): boolean {
  if (error instanceof Unreachable) return failures < 1;
  return error instanceof ApiError && error.status >= 500 && failures < 2;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    // `always`: without a connection a query fails and says so, instead of waiting silently.
    // `all`: what is read of a query for the first time after its answer came would else be as before the answer.
    queries: { staleTime: 10_000, retry: worthRetrying, networkMode: 'always', notifyOnChangeProps: 'all' },
    // A lost answer is never sent again unasked; the idempotency key makes it safe to do so by hand.
    mutations: { retry: false, networkMode: 'always' },
  },
});

interface CursorPage {
  next?: string | null;
}

/**
 * Options for `createInfiniteQuery` over a list with cursors:
 * `createInfiniteQuery(() => cursorPages(['users', filters], (cursor) => ok(api.GET('/v1/users', { params: { query: { ...filters, cursor } } }))))`.
 */
export function cursorPages<Page extends CursorPage>(
  queryKey: readonly unknown[],
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<Page>,
) {
  return {
    queryKey,
    queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) => read(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: Page) => page.next ?? undefined,
  };
}
