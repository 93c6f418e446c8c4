// An InRelease whose signature is good, read: when it was made and what each index must hash to.
import { Fault } from '../../base/fault.ts';
import { FUTURE_MS } from './debian-signature.ts';

export interface ReleaseFile {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface Release {
  readonly suite: string;
  readonly codename: string;
  /** Epoch milliseconds. */
  readonly madeAt: number;
  /** Epoch milliseconds; null where it never expires. */
  readonly validUntil: number | null;
  readonly isByHash: boolean;
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

/**
 * Debian renews its date every six hours and says "valid for a week"; a mirror, a cache or a company's proxy that has
 * stopped serves what Debian signed all the same. Past this much the index is refused: it can only withhold updates,
 * never bring in anything foreign, but it must not do so for ever.
 */
export const RELEASE_GRACE_MS = 90 * 24 * 60 * 60 * 1000;

/** Reads the signed text (RFC 822 fields, deb822(5)). Throws `bad_gateway` when it is no such thing. */
export function parseRelease(text: string): Release {
  const fields = new Map<string, string>();
  const files = new Map<string, ReleaseFile>();
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    const field = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
    if (field !== null) {
      section = (field[1] ?? '').toLowerCase();
      fields.set(section, field[2] ?? '');
      continue;
    }
    const entry = section === 'sha256' ? /^\s+([0-9a-f]{64})\s+(\d+)\s+(\S+)$/.exec(line) : null;
    if (entry !== null) files.set(entry[3] ?? '', { sha256: entry[1] ?? '', sizeBytes: Number(entry[2]) });
  }
  const madeAt = Date.parse(fields.get('date') ?? '');
  const validText = fields.get('valid-until');
  const validUntil = validText === undefined ? null : Date.parse(validText);
  if (Number.isNaN(madeAt) || (validUntil !== null && Number.isNaN(validUntil)) || files.size === 0) {
    throw new Fault('bad_gateway', "Debian's index cannot be understood.", { blame: 'remote' });
  }
  return {
    suite: fields.get('suite') ?? '',
    codename: fields.get('codename') ?? '',
    madeAt,
    validUntil,
    isByHash: fields.get('acquire-by-hash') === 'yes',
    files,
  };
}

/** Throws `bad_gateway` for an index of another suite, from the future, or expired for longer than `graceMs`. */
export function requireCurrent(release: Release, suite: string, now: number, graceMs: number): void {
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
  // A signed index of an old suite must not pass for the one that was asked.
  if (release.suite !== suite && release.codename !== suite) {
    throw new Fault('bad_gateway', `Debian's index of ${suite} is one of ${release.codename || 'nothing'}.`, {
      blame: 'remote',
    });
  }
  if (release.madeAt > now + FUTURE_MS) {
    throw new Fault('bad_gateway', `Debian's index is of ${day(release.madeAt)}, which is in the future.`, {
      blame: 'machine',
      hint: 'Set the clock of this machine.',
    });
  }
  if (release.validUntil !== null && now > release.validUntil + graceMs) {
    throw new Fault('bad_gateway', `Debian's index of ${suite} has expired on ${day(release.validUntil)}.`, {
      blame: 'remote',
      hint: 'The mirror is out of date, or the clock of this machine is wrong. Set debianArchive to another mirror.',
    });
  }
}
