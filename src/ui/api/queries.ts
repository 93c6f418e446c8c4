// What pages ask of the server, as queries that are shared, kept, and refreshed by the event stream (app/live).
import { QueryClient, type QueryKey, useQuery } from '@tanstack/react-query';
import type {
  Downloads,
  Findings,
  Hardware,
  Instance,
  Mended,
  Model,
  Models,
  Recommended,
  Status,
  UsageReport,
  Verdict,
  Visit,
} from './answers.ts';
import { get, isApiError, post } from './client.ts';

/** First word of every key: what the event stream makes stale. */
export const keys = {
  status: ['status'],
  models: ['models'],
  instances: ['instances'],
  verdicts: ['verdicts'],
  hardware: ['hardware'],
  usage: ['usage'],
  downloads: ['downloads'],
  doctor: ['doctor'],
  setup: ['setup'],
  recommended: ['recommended'],
} as const;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // Events tell what is new; nothing is asked by the clock.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      // The event stream knows better than the browser when the server is back, and then everything is asked anew.
      networkMode: 'always',
      retry: (count, error) => isApiError(error) && error.status >= 500 && count < 2,
    },
  },
});

/** What a change has answered, at once. What is still on its way was asked before it, and is asked anew. */
export function adopt<T>(queryKey: QueryKey, next: T | ((known: T | undefined) => T | undefined)): void {
  const isOnItsWay = queryClient.isFetching({ queryKey }) > 0;
  queryClient.setQueryData<T>(queryKey, next);
  if (isOnItsWay) void queryClient.invalidateQueries({ queryKey });
}

export const useStatus = () =>
  useQuery({ queryKey: keys.status, queryFn: ({ signal }) => get<Status>('/drover/status', { signal }) });

export const useModels = () =>
  useQuery({
    queryKey: keys.models,
    queryFn: async ({ signal }) => (await get<Models>('/drover/models', { signal })).models,
  });

/** Models that can be talked to. */
export const isChatModel = (model: Model): boolean =>
  model.failure === null && (model.kind === 'text' || model.isCustom || model.kind === 'unknown');

export const useInstances = () =>
  useQuery({
    queryKey: keys.instances,
    queryFn: async ({ signal }) => (await get<{ instances: Instance[] }>('/drover/instances', { signal })).instances,
  });

export const useVerdicts = () =>
  useQuery({
    queryKey: keys.verdicts,
    queryFn: async ({ signal }) => (await get<{ verdicts: Verdict[] }>('/drover/verdicts', { signal })).verdicts,
  });

export const useHardware = () =>
  useQuery({ queryKey: keys.hardware, queryFn: ({ signal }) => get<Hardware>('/drover/hardware', { signal }) });

export const useUsage = () =>
  useQuery({
    queryKey: keys.usage,
    queryFn: ({ signal }) => get<UsageReport>('/drover/usage', { signal, query: { limit: 100 } }),
  });

export const useDownloads = () =>
  useQuery({
    queryKey: keys.downloads,
    queryFn: async ({ signal }) => (await get<Downloads>('/drover/downloads', { signal })).downloads,
  });

export const useDoctor = () =>
  useQuery({
    queryKey: keys.doctor,
    queryFn: async ({ signal }) => (await get<Findings>('/drover/doctor', { signal })).findings,
  });

/** Mends what is safe; what is left is shown at once. */
export async function mendSafe(): Promise<Mended> {
  const mended = await post<Mended>('/drover/doctor/fix', {});
  adopt<Findings['findings']>(keys.doctor, mended.findings);
  return mended;
}

/** How far this machine is on its way from nothing to a chat. */
export const useVisit = () =>
  useQuery({ queryKey: keys.setup, queryFn: ({ signal }) => get<Visit>('/drover/setup', { signal }) });

export const useRecommended = () =>
  useQuery({
    queryKey: keys.recommended,
    queryFn: ({ signal }) => get<Recommended>('/drover/recommended', { signal }),
  });
