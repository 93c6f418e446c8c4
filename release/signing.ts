// The key that signs releases, and its signatures in two forms: the bare one, which the program itself checks, and OpenSSH's,
// since nearly every system has a `ssh-keygen` that can check it. Sources: RFC 8032, RFC 8410, OpenSSH's PROTOCOL.sshsig.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** The namespace of OpenSSH's form, so that what is signed for something else does not count here. */
export const SSH_NAMESPACE = 'drover-release';

/** PKCS #8 in PEM, and SubjectPublicKeyInfo in base64. */
export function makeKey(): { readonly privatePem: string; readonly publicKey: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  return {
    privatePem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicKey: publicKeyOf(privateKey),
  };
}

/** Throws where the text is no Ed25519 key. */
export function readKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`an Ed25519 key is wanted, not ${key.asymmetricKeyType}`);
  return key;
}

export const publicKeyOf = (privateKey: KeyObject): string =>
  createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64');

/** 64 bytes. */
export const bareSignature = (bytes: Uint8Array, key: KeyObject): Buffer => sign(null, bytes, key);

/** What `ssh-keygen -Y verify` takes. */
export function sshSignature(bytes: Uint8Array, key: KeyObject): string {
  const hash = createHash('sha512').update(bytes).digest();
  const context = [wire(SSH_NAMESPACE), wire(''), wire('sha512')];
  const signed = bareSignature(Buffer.concat([Buffer.from('SSHSIG'), ...context, wire(hash)]), key);
  const blob = Buffer.concat([
    Buffer.from('SSHSIG'),
    uint32(1),
    wire(sshBlob(publicKeyOf(key))),
    ...context,
    wire(Buffer.concat([wire('ssh-ed25519'), wire(signed)])),
  ]);
  const lines = blob.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n');
}

/** A public key as OpenSSH writes it: `ssh-ed25519 AAAA…`. */
export const sshPublicKey = (publicKey: string): string => `ssh-ed25519 ${sshBlob(publicKey).toString('base64')}`;

/** The last 32 bytes of the other form are the key itself. */
const sshBlob = (publicKey: string): Buffer =>
  Buffer.concat([wire('ssh-ed25519'), wire(Buffer.from(publicKey, 'base64').subarray(-32))]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function wire(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}
