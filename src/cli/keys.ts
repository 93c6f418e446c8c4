// `drover keys`: which programs may call. It must never print a key but the one that it has just made.
import type { KeyRing } from '../access/keys.ts';
import type { Scope } from '../access/scopes.ts';
import { Fault } from '../base/fault.ts';
import { type AccessStore, lastOneWords, scopesOf, secretFromStdin, showListed, withAccess } from './access-store.ts';
import type { Call, Run } from './command-line.ts';
import { print, printJson, tell } from './terminal.ts';

const NO_KEY = 'There is no key; "drover keys add NAME" makes one.';

export const keys: Run = async (call) => {
  const [action, name] = call.words.map((word) => (typeof word === 'string' ? word : undefined));
  switch (action) {
    case 'ls':
    case 'list':
      return withAccess(call, (store) => showListed(call, 'KEY', store.keys.list(), NO_KEY));
    case 'add': {
      if (name === undefined) throw new Fault('bad_request', 'drover keys add NAME');
      const scopes = scopesOf(call);
      return withAccess(call, (store) => add(call, store.keys, name, scopes));
    }
    case 'rm':
    case 'remove':
      if (name === undefined) throw new Fault('bad_request', 'drover keys rm NAME');
      return withAccess(call, (store) => remove(call, store, name));
    default:
      throw new Fault('bad_request', `drover keys knows add, ls and rm, not "${action ?? ''}".`);
  }
};

async function add(call: Call, ring: KeyRing, name: string, scopes: readonly Scope[]): Promise<number> {
  if (call.options.keyStdin === true) {
    const key = await secretFromStdin('--key-stdin', 'drover keys add NAME --key-stdin');
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

function remove(call: Call, store: AccessStore, name: string): number {
  store.keys.remove(name);
  if (call.isJson) printJson({ name, removed: true, left: store.keys.count });
  else tell(`The key "${name}" is gone.`);
  const words = lastOneWords(call, store);
  if (words !== null) tell(words);
  return 0;
}
