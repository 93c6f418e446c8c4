// What this page asks: the hub through the server, never the hub itself.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { Destinations, Hits, Offer } from '../../api/answers.ts';
import { get } from '../../api/client.ts';
import type { Asking } from './search-address.ts';

const FRESH_MS = 5 * 60_000;

export const useHits = ({ words, order }: Asking) =>
  useQuery({
    queryKey: ['search', words, order],
    queryFn: async ({ signal }) =>
      (await get<Hits>('/drover/search', { signal, query: { query: words, limit: 40, sort: order } })).models,
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

/** Other programs fill disks as well, and no event tells of it: asked whenever somebody comes here. */
export const useDestinations = () =>
  useQuery({
    queryKey: ['destinations'],
    queryFn: async ({ signal }) => (await get<Destinations>('/drover/destinations', { signal })).destinations,
    staleTime: 0,
    retry: false,
  });
