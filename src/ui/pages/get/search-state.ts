// The search as it is typed, and the address that keeps it as soon as somebody pauses, so that it is there again after a reload
// and when somebody comes back from a repository.
import { useEffect, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type Asked, askedOf } from './references.ts';
import { type Asking, addressOf, askingOf } from './search-address.ts';

const PAUSE_MS = 350;

export interface SearchState {
  readonly input: string;
  readonly setInput: (input: string) => void;
  readonly asked: Asked;
  /** What is searched for now. */
  readonly shown: Asking;
  /** Where the search was left. */
  readonly back: string;
  readonly search: (changes?: Partial<Asking>) => void;
  readonly look: (repository: string) => void;
}

/** `isSearch`: the search is on the screen, not a repository. */
export function useSearchState(isSearch: boolean): SearchState {
  const [, go] = useLocation();
  const { words, order } = askingOf(useSearch());
  const [input, setInput] = useState(isSearch ? words : '');
  const [left, setLeft] = useState<Asking>({ words, order });
  /** The words that the field has already, by having put them into the address or taken them from it. */
  const settled = useRef<string | null>(isSearch ? words : null);
  const asked = askedOf(input);
  const text = asked.kind === 'words' ? asked.text : '';

  useEffect(() => {
    if (!isSearch) return;
    setLeft({ words, order });
    if (words === settled.current) return;
    settled.current = words;
    setInput(words);
  }, [isSearch, words, order]);

  useEffect(() => {
    if (!isSearch || text === words) return;
    const timer = setTimeout(() => {
      settled.current = text;
      go(addressOf({ words: text, order }), { replace: true });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [isSearch, text, words, order, go]);

  return {
    input,
    setInput,
    asked,
    shown: { words, order },
    back: addressOf(left),
    search: (changes = {}) => {
      settled.current = text;
      go(addressOf({ words: text, order: left.order, ...changes }), { replace: isSearch });
    },
    look: (repository) => {
      setInput('');
      settled.current = null;
      go(`/get/${repository}`);
    },
  };
}
