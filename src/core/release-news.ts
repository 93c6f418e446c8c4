// Whether there is a newer Drover, as its release says. Only what is told; who asks the release does so when a person wants it.

export interface ReleaseNews {
  readonly current: string;
  readonly newest: string;
  readonly isNewer: boolean;
  /** Of its source, in milliseconds of the epoch; null: unknown. */
  readonly madeAt: number | null;
  /** To fetch. */
  readonly sizeBytes: number;
  /** What to type on this machine; null: somebody else replaces this executable, and `hint` says how. */
  readonly command: string | null;
  readonly hint: string | null;
}

/** Throws `offline`, `not_supported` where no release is known, and what the release's host and signature throw. */
export type AskRelease = (signal?: AbortSignal) => Promise<ReleaseNews>;
