// Keys and users as the command line works on them: in the store itself, with or without a running server, which sees a
// change within a quarter of a second. It must never open more of the data directory than that.
import { mkdirSync } from 'node:fs';
import { KEY_MIGRATIONS, KeyRing } from '../access/keys.ts';
import { isScope, SCOPES, type Scope } from '../access/scopes.ts';
import { USER_MIGRATION, UserBook } from '../access/users.ts';
import { Fault } from '../base/fault.ts';
import { openStore } from '../base/store.ts';
import { isLoopback, parseAddress } from '../server/address.ts';
import type { Call } from './command-line.ts';
import { print, printJson, table, tell } from './terminal.ts';

export interface AccessStore {
  readonly keys: KeyRing;
  readonly users: UserBook;
}

export async function withAccess(call: Call, work: (store: AccessStore) => Promise<number> | number): Promise<number> {
  const { paths } = call.config;
  mkdirSync(paths.data, { recursive: true, mode: 0o700 });
  using store = openStore(paths.store, [...KEY_MIGRATIONS, USER_MIGRATION]);
  return await work({ keys: new KeyRing(store), users: new UserBook(store) });
}

/** Everything by default: whoever wants less says what. Throws `bad_request` that lists all scopes. */
export function scopesOf(call: Call): readonly Scope[] {
  if (typeof call.options.scopes !== 'string') return ['admin'];
  const words = call.options.scopes.split(/[\s,]+/).filter((word) => word !== '');
  const unknown = words.filter((word) => !isScope(word));
  if (unknown.length > 0 || words.length === 0) {
    const what = words.length === 0 ? 'No scope is named' : `There is no scope "${unknown.join('", "')}"`;
    throw new Fault('bad_request', `${what}; there are: ${SCOPES.join(', ')}.`, { details: { scopes: SCOPES } });
  }
  return [...new Set(words.filter(isScope))];
}

interface Listed {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Keys or users as a table; `none` where there are none. */
export function showListed(call: Call, heading: string, entries: readonly Listed[], none: string): number {
  if (call.isJson) printJson(entries);
  else if (entries.length === 0) tell(none);
  else {
    const rows = entries.map(({ name, createdAt, scopes }) => [
      name,
      new Date(createdAt).toISOString().slice(0, 16).replace('T', ' '),
      scopes.join(', '),
    ]);
    print(table([heading, 'MADE', 'MAY'], rows));
  }
  return 0;
}

/** One line from a pipe. Throws `bad_request` on a terminal, where nobody would know what is waited for. */
export async function secretFromStdin(flag: string, example: string): Promise<string> {
  if (process.stdin.isTTY === true) {
    throw new Fault('bad_request', `${flag} reads a pipe.`, { hint: `For example: ${example} < FILE` });
  }
  return (await Bun.stdin.text()).replace(/\r?\n$/, '');
}

/** What it means that somebody is gone, where nobody is left; null where somebody is. */
export function lastOneWords(call: Call, { keys, users }: AccessStore): string | null {
  if (keys.count > 0 || users.count > 0) return null;
  const { listen, auth, requireApiKey, insecure } = call.config.settings;
  if (auth || requireApiKey) return 'It was the last one, and one is required: only this command line gets in now.';
  if (isLoopback(parseAddress(listen).host)) {
    return 'It was the last one: a server on loopback lets every program of this machine in again, without a key.';
  }
  if (insecure) return 'It was the last one: other machines may use the server without a key.';
  return 'It was the last one. A server that other machines can reach stays locked, and makes a new one when it starts.';
}
