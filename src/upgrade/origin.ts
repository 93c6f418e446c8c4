// What this executable knows of where it comes from, put in by the bundler. From source it knows nothing.
declare const DROVER_TARGET: string | null | undefined;
declare const DROVER_RELEASE_ORIGIN: ReleaseOrigin | undefined;

export interface ReleaseOrigin {
  /** The folder that has the newest release's files; null: none is known. */
  readonly url: string | null;
  /** Ed25519 public keys (SubjectPublicKeyInfo, DER, base64), any of which may have signed. */
  readonly keys: readonly string[];
}

/** The system that it was made for, as releases name it (`linux-x64-musl`); null where nobody said. */
export const TARGET: string | null = typeof DROVER_TARGET === 'string' ? DROVER_TARGET : null;

export const ORIGIN: ReleaseOrigin =
  typeof DROVER_RELEASE_ORIGIN === 'object' ? DROVER_RELEASE_ORIGIN : { url: null, keys: [] };
