// `drover keys`: who may call. It works on the store itself, with or without a running server, which sees a change within
// a quarter of a second. It must never print a key but the one that it has just made.
import { mkdirSync } from 'node:fs';
import { KEY_MIGRATIONS, KeyRing } from '../access/keys.ts';
import { isScope, SCOPES, type Scope } from '../access/scopes.ts';
import { Fault } from '../base/fault.ts';
import { openStore } from '../base/store.ts';
import { isLoopback, parseAddress } from '../server/address.ts';
import type { Call, Run } from './command-line.ts';
import { print, printJson, table, tell } from './terminal.ts';

export const keys: Run = async (call) => {
  const [action, name] = call.words.map((word) => (typeof word === 'string' ? word : undefined));
  switch (action) {
    case 'ls':
    case 'list':
      return withKeys(call, (ring) => list(call, ring));
    case 'add': {
      if (name === undefined) throw new Fault('bad_request', 'drover keys add NAME');
      const scopes = scopesOf(call);
      return withKeys(call, (ring) => add(call, ring, name, scopes));
    }
    case 'rm':
    case 'remove':
      if (name === undefined) throw new Fault('bad_request', 'drover keys rm NAME');
      return withKeys(call, (ring) => remove(call, ring, name));
    default:
      throw new Fault('bad_request', `drover keys knows add, ls and rm, not "${action ?? ''}".`);
  }
};

/** Only what it needs: a server that runs holds everything else. */
async function withKeys(call: Call, work: (ring: KeyRing) => Promise<number> | number): Promise<number> {
  const { paths } = call.config;
  mkdirSync(paths.data, { recursive: true, mode: 0o700 });
  using store = openStore(paths.store, KEY_MIGRATIONS);
  return await work(new KeyRing(store));
}

/** Everything by default: whoever wants less says what. Throws `bad_request` that lists all scopes. */
function scopesOf(call: Call): readonly Scope[] {
  if (typeof call.options.scopes !== 'string') return ['admin'];
  const words = call.options.scopes.split(/[\s,]+/).filter((word) => word !== '');
  const unknown = words.filter((word) => !isScope(word));
  if (unknown.length > 0 || words.length === 0) {
    const what = words.length === 0 ? 'No scope is named' : `There is no scope "${unknown.join('", "')}"`;
    throw new Fault('bad_request', `${what}; there are: ${SCOPES.join(', ')}.`, { details: { scopes: SCOPES } });
  }
  return [...new Set(words.filter(isScope))];
}

async function add(call: Call, ring: KeyRing, name: string, scopes: readonly Scope[]): Promise<number> {
  if (call.options.keyStdin === true) {
    if (process.stdin.isTTY === true) {
      throw new Fault('bad_request', '--key-stdin reads a pipe.', {
        hint: 'For example: drover keys add NAME --key-stdin < FILE',
      });
    }
    const key = (await Bun.stdin.text()).replace(/\r?\n$/, '');
    if (ring.has(name)) {
      throw new Fault('conflict', `There is a key called "${name}" already.`);
    }
    await ring.adopt(name, key, scopes);
    // Whoever chose it knows it.
    if (call.isJson) printJson({ name, key: null, scopes });
    else tell(`The key "${name}" is stored; it may: ${scopes.join(', ')}.`);
    return 0;
  }
  const key = ring.create(name, scopes);
  if (call.isJson) printJson({ name, key, scopes });
  else {
    tell(`The key "${name}", shown only now; it may: ${scopes.join(', ')}.`);
    print(key);
  }
  return 0;
}

function list(call: Call, ring: KeyRing): number {
  const entries = ring.list();
  if (call.isJson) printJson(entries);
  else if (entries.length === 0) tell('There is no key; "drover keys add NAME" makes one.');
  else {
    print(
      table(
        ['KEY', 'MADE', 'MAY'],
        entries.map((entry) => [
          entry.name,
          new Date(entry.createdAt).toISOString().slice(0, 16).replace('T', ' '),
          entry.scopes.join(', '),
        ]),
      ),
    );
  }
  return 0;
}

function remove(call: Call, ring: KeyRing, name: string): number {
  ring.remove(name);
  if (call.isJson) printJson({ name, removed: true, left: ring.count });
  else tell(`The key "${name}" is gone.`);
  if (ring.count === 0) tell(lastKeyWords(call));
  return 0;
}

function lastKeyWords(call: Call): string {
  const { listen, auth, requireApiKey, insecure } = call.config.settings;
  if (auth || requireApiKey) return 'It was the last one, and one is required: only this command line gets in now.';
  if (isLoopback(parseAddress(listen).host)) {
    return 'It was the last one: a server on loopback lets every program of this machine in again, without a key.';
  }
  if (insecure) return 'It was the last one: other machines may use the server without a key.';
  return 'It was the last one. A server that other machines can reach stays locked, and makes a new one when it starts.';
}
