// What this page asks: the hub through the server, never the hub itself.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { Hits, Offer } from '../../api/answers.ts';
import { get } from '../../api/client.ts';

const FRESH_MS = 5 * 60_000;

export const useSearch = (words: string) =>
  useQuery({
    queryKey: ['search', words],
    queryFn: async ({ signal }) =>
      (await get<Hits>('/drover/search', { signal, query: { query: words, limit: 40 } })).models,
    placeholderData: keepPreviousData,
    staleTime: FRESH_MS,
    retry: false,
  });

export const useOffer = (repository: string) =>
  useQuery({
    queryKey: ['offer', repository],
    queryFn: ({ signal }) => get<Offer>('/drover/offer', { signal, query: { repository } }),
    staleTime: FRESH_MS,
    retry: false,
  });
