// What this page asks of the server about one model.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { detailsAnswer, entryAnswer, entryWriteAnswer } from '../../../dialects/drover/schema-models.ts';
import type { Answer, Fit } from '../../api/answers.ts';
import { get } from '../../api/client.ts';
import { queryOf, type Wishes } from './wishes.ts';

export type Details = Answer<typeof detailsAnswer>;
export type Entry = Answer<typeof entryAnswer>;
export type EntryWrite = Answer<typeof entryWriteAnswer>;

export const useDetails = (model: string) =>
  useQuery({
    queryKey: ['facts', model],
    queryFn: ({ signal }) => get<Details>('/drover/details', { signal, query: { model } }),
  });

export const entryKey = (model: string) => ['entry', model] as const;

export const useEntry = (model: string) =>
  useQuery({
    queryKey: entryKey(model),
    queryFn: ({ signal }) => get<Entry>('/drover/entry', { signal, query: { model } }),
  });

/** The plan for some wishes; the last one stays until the next has come, and one that is overtaken is dropped. */
export const useFit = (model: string, wishes: Wishes, isWanted: boolean) =>
  useQuery({
    queryKey: ['fit', model, wishes],
    queryFn: ({ signal }) => get<Fit>('/drover/fit', { signal, query: queryOf(model, wishes) }),
    placeholderData: keepPreviousData,
    enabled: isWanted,
    gcTime: 30_000,
  });
