// A search as the address keeps it: `/get?q=qwen3&sort=likes`. What is usual is left out. Pure.
import type { SearchOrder } from '../../../models/hub-search.ts';

export interface Asking {
  readonly words: string;
  readonly order: SearchOrder;
}

/** The usual one first. */
export const ORDERS: readonly SearchOrder[] = ['downloads', 'likes', 'trending', 'newest'];
const USUAL: SearchOrder = 'downloads';

export function askingOf(search: string): Asking {
  const query = new URLSearchParams(search);
  const order = ORDERS.find((known) => known === query.get('sort')) ?? USUAL;
  return { words: (query.get('q') ?? '').trim(), order };
}

export function addressOf({ words, order }: Asking): string {
  const query = new URLSearchParams({
    ...(words === '' ? {} : { q: words }),
    ...(order === USUAL ? {} : { sort: order }),
  }).toString();
  return query === '' ? '/get' : `/get?${query}`;
}
