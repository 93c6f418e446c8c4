// The version of this build, put in by the bundler; from source it says so.
declare const DROVER_VERSION: string | undefined;

export const VERSION: string = typeof DROVER_VERSION === 'string' ? DROVER_VERSION : '0.0.0-source';

/** Seconds, put in by the bundler. */
declare const DROVER_BUILD_SECONDS: number | null | undefined;

/** Epoch milliseconds of the commit that this was built from; null where nobody could tell. */
export const BUILT_AT: number | null = typeof DROVER_BUILD_SECONDS === 'number' ? DROVER_BUILD_SECONDS * 1000 : null;
