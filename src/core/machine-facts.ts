// What the machine is, as a benchmark keeps it beside its figures. It must never be read more than once while we run, since
// it does not change.
import type { Inventory } from '../hardware/inventory.ts';

export type MachineFacts = Inventory;

/** Reads once, and again only where that failed. */
export function readOnce<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | null = null;
  return () => {
    reading ??= read().catch((thrown: unknown) => {
      reading = null;
      throw thrown;
    });
    return reading;
  };
}

/** All that it says, as one text to search in. */
export const wordsOf = (facts: MachineFacts): string => valuesOf(facts).join(' ').toLowerCase();

function valuesOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(valuesOf);
  return [];
}
