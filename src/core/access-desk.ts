// Who may call, as requests may ask for it and change it: who the caller is, and the keys of programs. It must never hand
// out a key but the one that it has just made.
import type { Identity } from '../access/identity.ts';
import type { KeyEntry, KeyRing } from '../access/keys.ts';
import { SCOPES, type Scope } from '../access/scopes.ts';
import type { UserBook } from '../access/users.ts';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';

export interface CallerView {
  /** Whether callers need a key now. */
  readonly requiresKey: boolean;
  readonly name: string;
  readonly kind: Identity['kind'];
  /** Those that are meant: an admin's are all of them. */
  readonly scopes: readonly Scope[];
}

export interface MadeKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Shown this once. */
  readonly key: string;
}

export interface AccessDeskOptions {
  readonly keys: KeyRing;
  readonly users: Pick<UserBook, 'count'>;
  readonly log: Log;
}

export class AccessDesk {
  readonly #options: AccessDeskOptions;

  constructor(options: AccessDeskOptions) {
    this.#options = options;
  }

  caller({ name, kind, scopes }: Identity): CallerView {
    // Nobody is the local caller where a key is needed.
    return { requiresKey: kind !== 'local', name, kind, scopes: scopes.includes('admin') ? SCOPES : scopes };
  }

  /** By name. */
  list(): readonly KeyEntry[] {
    return this.#options.keys.list();
  }

  /** Throws `conflict` for a name that is taken, `bad_request` for what can be no name. */
  create(name: string, scopes: readonly Scope[], by: Identity): MadeKey {
    const wanted = [...new Set(scopes)];
    const key = this.#options.keys.create(name, wanted);
    this.#options.log.info('key made', { name, scopes: wanted.join(','), by: by.name });
    return { name, scopes: wanted, key };
  }

  /**
   * Throws `not_found`; `conflict` where the last way in for an admin would be gone while others could still call: unless
   * it is the very last key, which opens a server on loopback to all of its machine again, as before the first.
   */
  remove(name: string, by: Identity, isForced: boolean): { readonly leftCount: number } {
    const { keys, users, log } = this.#options;
    const listed = keys.list();
    const isAdmin = (entry: KeyEntry): boolean => entry.scopes.includes('admin');
    const found = listed.find((entry) => entry.name === name);
    const others = listed.filter((entry) => entry.name !== name);
    if (found !== undefined && isAdmin(found) && !isForced && users.count === 0) {
      if (others.length > 0 && !others.some(isAdmin)) {
        throw new Fault('conflict', `"${name}" is the last key that may do everything.`, {
          hint: 'Make another one with the scope admin first, or remove it by force: then only the command line makes keys.',
        });
      }
    }
    keys.remove(name);
    log.info('key removed', { name, by: by.name, left: keys.count });
    return { leftCount: keys.count };
  }
}
