// The folders that a download may go to, as the page reasons about them. Pure; what is unknown refuses nothing.
import type { Destinations } from '../../api/answers.ts';

export type Place = Destinations['destinations'][number];

/** The one that was chosen the last time, if it is still there; null where nothing is known: then the server decides. */
export const chosenOf = (places: readonly Place[], kept: string | null): Place | null =>
  places.find(({ path }) => path === kept) ?? places.find(({ isDefault }) => isDefault) ?? null;

/** What a request says: the default needs no name. */
export const folderOf = (place: Place | null): string | null => (place === null || place.isDefault ? null : place.path);

/** What is free in a place where so much has no room; null where it has, or nobody knows. */
export const shortOf = (totalBytes: number, place: Place | null): number | null => {
  const freeBytes = place?.freeBytes ?? null;
  return freeBytes !== null && totalBytes > freeBytes ? freeBytes : null;
};
