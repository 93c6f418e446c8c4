// The secret that tokens are signed with: 32 random bytes in a file of the data directory, readable by its owner only, made
// when the first token is. Whoever deletes the file ends every token with the next start. It must never be logged, nor be
// replaced while it is there.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Fault, toFault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';
import type { Store } from '../base/store.ts';

const LENGTH_BYTES = 32;

export class TokenSecret {
  readonly #path: string;
  readonly #store: Store;
  #bytes: Uint8Array | null = null;

  /** `store`: its write lock decides between two processes that both find no file. */
  constructor(path: string, store: Store) {
    this.#path = path;
    this.#store = store;
  }

  /** Null where none was ever made: then there is no token either. Throws `not_writable` for a file that is none of ours. */
  get(): Uint8Array | null {
    this.#bytes ??= this.#read();
    return this.#bytes;
  }

  /** The same, made where there is none. Throws `not_writable`, `disk_full`. */
  obtain(): Uint8Array {
    const known = this.get();
    if (known !== null) return known;
    const bytes = this.#store.database
      .transaction(() => {
        const others = this.#read();
        if (others !== null) return others;
        const own = randomBytes(LENGTH_BYTES);
        try {
          writeFileAtomically(this.#path, own, { mode: 0o600 });
        } catch (thrown) {
          throw toFault(thrown, 'not_writable');
        }
        return own;
      })
      .immediate();
    this.#bytes = bytes;
    return bytes;
  }

  #read(): Uint8Array | null {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.#path);
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
      throw new Fault('not_writable', `${this.#path} cannot be read: ${String(thrown)}`, { cause: thrown });
    }
    // An operator may bring a longer one.
    if (bytes.byteLength >= LENGTH_BYTES) return bytes;
    throw new Fault('not_writable', `${this.#path} holds ${bytes.byteLength} bytes and should hold ${LENGTH_BYTES}.`, {
      hint: 'Delete it: a new one is made with the next login, and every token until now ends.',
    });
  }
}
