// What the server says of keys and of the caller.
import { useQuery } from '@tanstack/react-query';
import type { callerAnswer, keysAnswer, madeKeyAnswer } from '../../../dialects/drover/schema-access.ts';
import type { Answer } from '../../api/answers.ts';
import { get } from '../../api/client.ts';

export type Keys = Answer<typeof keysAnswer>;
export type Caller = Answer<typeof callerAnswer>;
export type MadeKey = Answer<typeof madeKeyAnswer>;

export const KEYS = ['keys'] as const;
export const ME = ['me'] as const;

export const useKeys = () =>
  useQuery({ queryKey: KEYS, queryFn: ({ signal }) => get<Keys>('/drover/keys', { signal }) });
export const useMe = () => useQuery({ queryKey: ME, queryFn: ({ signal }) => get<Caller>('/drover/me', { signal }) });
