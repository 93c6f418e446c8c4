// What the machine is, as a benchmark keeps it beside its figures: plain facts, unknown is null. It must never be read more
// than once while we run, since it does not change.

export interface MachineFacts {
  readonly cpu: {
    readonly model: string | null;
    readonly physicalCores: number | null;
    readonly threads: number;
    readonly maxHz: number | null;
    readonly microcode: string | null;
  };
  readonly gpus: readonly {
    readonly name: string;
    readonly driverVersion: string | null;
    readonly totalBytes: number | null;
  }[];
  readonly ram: {
    readonly totalBytes: number;
    readonly type: string | null;
    /** Transfers per second. */
    readonly hz: number | null;
  };
  readonly storage: { readonly kind: string | null; readonly sizeBytes: number | null };
  readonly os: { readonly name: string | null; readonly version: string | null; readonly kernel: string | null };
  readonly bios: { readonly vendor: string | null; readonly version: string | null; readonly date: string | null };
}

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
