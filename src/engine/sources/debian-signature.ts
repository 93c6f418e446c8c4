// Debian's word: a clearsigned InRelease, checked against the archive's keys that ship with us.
// Nothing of an InRelease may be used but the text that this file returns.
import { assetBytes } from '../../base/assets.ts';
import { Fault } from '../../base/fault.ts';

/** The archive's public keys that ship with us; see `assets/keys/README.md`. */
export const debianKeys = (): Uint8Array => assetBytes('keys/debian-archive.gpg');

/**
 * The text that one of `keys` (a binary keyring) has signed; what surrounds it in `clearsigned` is dropped.
 * Throws a Fault `bad_gateway` when no key vouches for it at the time `now` (epoch ms).
 */
export async function verifiedText(clearsigned: string, keys: Uint8Array, now: number): Promise<string> {
  const openpgp = await import('openpgp');
  const reasons: string[] = [];
  try {
    const message = await openpgp.readCleartextMessage({ cleartextMessage: clearsigned });
    const verificationKeys = await openpgp.readKeys({ binaryKeys: keys });
    // Signatures are made at the time of the index, and a keyring may outlive its keys: the date is asked for.
    const verified = await openpgp.verify({
      message,
      verificationKeys,
      date: new Date(now + FUTURE_MS),
      format: 'utf8',
    });
    for (const signature of verified.signatures) {
      try {
        if ((await signature.verified) === true) return verified.data;
      } catch (thrown) {
        reasons.push(thrown instanceof Error ? thrown.message : String(thrown));
      }
    }
  } catch (thrown) {
    reasons.push(thrown instanceof Error ? thrown.message : String(thrown));
  }
  throw new Fault('bad_gateway', `Debian's index is not signed by Debian (${reasons.join('; ') || 'no signature'}).`, {
    blame: 'remote',
    hint: 'Something on the way alters it, or the keys have changed: another mirror may help (debianArchive).',
  });
}

// A clock may run behind the signer's by so much.
export const FUTURE_MS = 24 * 60 * 60 * 1000;
