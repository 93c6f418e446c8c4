// The signed list of what a release holds: which archive is for which system, its size and digest, and those of the program
// in it. Pure. Signature: Ed25519 (RFC 8032) over the very bytes of the file; keys: SubjectPublicKeyInfo (RFC 8410).
import { createPublicKey, verify } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '../base/fault.ts';

export const MANIFEST_NAME = 'drover-release.json';
export const SIGNATURE_SUFFIX = '.sig';

const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });
const sizeBytes = Type.Integer({ minimum: 1, maximum: 4 * 1024 ** 3 });
// A name is joined to an address and to a folder: no part of it may lead elsewhere.
const fileName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$' });

const Archive = Type.Object({
  target: Type.String({ pattern: '^[a-z0-9-]{1,40}$' }),
  fileName,
  sizeBytes,
  sha256: digest,
  /** The one folder in it, the executable's name in that, and what comes out. */
  program: Type.Object({ folder: fileName, name: fileName, sizeBytes, sha256: digest }),
});

const Manifest = Type.Object({
  format: Type.Literal(1),
  name: Type.Literal('drover'),
  version: Type.String({ pattern: '^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]{1,40})?$' }),
  /** 40 hex digits; null where the source was no repository. */
  commit: Type.Union([Type.String({ pattern: '^[0-9a-f]{40}$' }), Type.Null()]),
  /** When that was made, epoch seconds. */
  sourceSeconds: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  archives: Type.Array(Archive, { minItems: 1, maxItems: 100 }),
});

export type Manifest = Static<typeof Manifest>;
export type ReleaseArchive = Static<typeof Archive>;

const HINT = 'Nothing was changed. If it stays so, tell the maintainers: somebody may be tampering with releases.';

/** Throws `forbidden` where no trusted key has signed these bytes, and `bad_gateway` where they are no manifest. */
export function readManifest(bytes: Uint8Array, signature: Uint8Array, keys: readonly string[]): Manifest {
  if (!keys.some((key) => isSignedBy(bytes, signature, key))) {
    throw new Fault('forbidden', 'The release is not signed by a key that this program trusts.', {
      hint: HINT,
      blame: 'remote',
    });
  }
  const value = parse(bytes);
  if (Value.Check(Manifest, value)) return value;
  const { path = '', message = '' } = Value.Errors(Manifest, value).First() ?? {};
  throw new Fault('bad_gateway', `The release's manifest is not understood: ${path || 'the whole'}: ${message}.`, {
    hint: 'A newer version may have another form: fetch that by hand.',
    blame: 'remote',
  });
}

/** False too for what is no key or no signature. */
function isSignedBy(bytes: Uint8Array, signature: Uint8Array, key: string): boolean {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
    return publicKey.asymmetricKeyType === 'ed25519' && verify(null, bytes, publicKey, signature);
  } catch {
    return false;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}

/** Throws `not_supported` where the release has none for this system. */
export function archiveFor(manifest: Manifest, target: string): ReleaseArchive {
  const found = manifest.archives.find((archive) => archive.target === target);
  if (found !== undefined) return found;
  throw new Fault('not_supported', `The release ${manifest.version} has nothing for ${target}.`, {
    hint: `There is: ${manifest.archives.map((archive) => archive.target).join(', ')}.`,
    blame: 'remote',
  });
}

/** By Semantic Versioning 2.0.0: a pre-release is older than what it precedes. */
export const isNewer = (version: string, than: string): boolean => Bun.semver.order(version, than) > 0;

/**
 * Where the files of one version lie, given where the newest one's do. GitHub has two addresses for that: between a look at
 * `latest` and a download from it another version may come.
 */
export const folderOf = (url: string, version: string): string =>
  url.replace(/\/+$/, '').replace(/\/releases\/latest\/download$/, `/releases/download/v${version}`);
