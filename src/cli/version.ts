// The version of this build, put in by the bundler; from source it says so.
declare const DROVER_VERSION: string | undefined;

export const VERSION: string = typeof DROVER_VERSION === 'string' ? DROVER_VERSION : '0.0.0-source';
