// Names that somebody who mistyped may have meant: shared words and edit distance. Pure, and bounded whatever is asked.
import { nameKey } from './names.ts';

const MAX_LENGTH = 120;
/** Below this a name is not near; 1 is the same. */
const LEAST_LIKENESS = 0.34;

/** Up to `limit` ids, nearest first, each once, of `names` (a name and the id that it means). */
export function nearestIds(
  wanted: string,
  names: Iterable<readonly [name: string, id: string]>,
  limit: number,
): string[] {
  const asked = nameKey(wanted.slice(0, MAX_LENGTH));
  if (asked === '' || limit <= 0) return [];
  const askedWords = wordsOf(asked);
  const likenessById = new Map<string, number>();
  for (const [name, id] of names) {
    const key = nameKey(name.slice(0, MAX_LENGTH));
    const shared = sharedWords(askedWords, wordsOf(key));
    const known = likenessById.get(id) ?? LEAST_LIKENESS;
    // Only a distance small enough to matter is computed to its end.
    const longest = Math.max(asked.length, key.length);
    const most = Math.floor(longest * (1 - (known - 0.4 * shared) / 0.6));
    if (most < 0) continue;
    const distance = editDistance(asked, key, Math.min(most, longest));
    if (distance === null) continue;
    const likeness = 0.6 * (1 - distance / longest) + 0.4 * shared;
    if (likeness > known) likenessById.set(id, likeness);
  }
  return [...likenessById]
    .sort(
      ([leftId, left], [rightId, right]) =>
        right - left || leftId.length - rightId.length || (leftId < rightId ? -1 : 1),
    )
    .slice(0, limit)
    .map(([id]) => id);
}

const wordsOf = (key: string): ReadonlySet<string> =>
  new Set(key.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== ''));

/** Shared words against all of the shorter one: `qwen3` is wholly in `qwen3-4b-q4_k_m`. */
function sharedWords(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of left) if (right.has(word)) shared += 1;
  const fewest = Math.min(left.size, right.size);
  return fewest === 0 ? 0 : shared / fewest;
}

/** Levenshtein distance, or null as soon as it is sure to be more than `most`. */
export function editDistance(left: string, right: string, most: number): number | null {
  if (Math.abs(left.length - right.length) > most) return null;
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= right.length; column += 1) {
      const cost = left.charCodeAt(row - 1) === right.charCodeAt(column - 1) ? 0 : 1;
      const value = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
      );
      current.push(value);
      if (value < least) least = value;
    }
    if (least > most) return null;
    previous = current;
  }
  const distance = previous[right.length] ?? 0;
  return distance > most ? null : distance;
}
