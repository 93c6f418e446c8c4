// `drover users`: who may log in. A password comes from a pipe or is asked for on a terminal. It must never print one, nor
// take one from the command line, which other programs of the machine can read.
import { password as askPassword, isCancel } from '@clack/prompts';
import { Fault } from '../base/fault.ts';
import { type AccessStore, lastOneWords, scopesOf, secretFromStdin, showListed, withAccess } from './access-store.ts';
import type { Call, Run } from './command-line.ts';
import { isInteractive, printJson, tell } from './terminal.ts';

const NO_USER = 'There is no user; "drover users add NAME" makes one.';

export const users: Run = async (call) => {
  const [action, name] = call.words.map((word) => (typeof word === 'string' ? word : undefined));
  const named = (): string => {
    if (name !== undefined) return name;
    throw new Fault('bad_request', `drover users ${action ?? ''} NAME`);
  };
  switch (action) {
    case 'ls':
    case 'list':
      return withAccess(call, (store) => showListed(call, 'USER', store.users.list(), NO_USER));
    case 'add':
      return add(call, named());
    case 'passwd':
      return changePassword(call, named());
    case 'rm':
    case 'remove': {
      const gone = named();
      return withAccess(call, (store) => remove(call, store, gone));
    }
    default:
      throw new Fault('bad_request', `drover users knows add, ls, rm and passwd, not "${action ?? ''}".`);
  }
};

async function add(call: Call, name: string): Promise<number> {
  const scopes = scopesOf(call);
  const password = await passwordFor(call, name);
  return withAccess(call, async (store) => {
    await store.users.create(name, password, scopes);
    if (call.isJson) printJson({ name: name.normalize('NFC'), scopes });
    else tell(`The user "${name}" may log in, and may: ${scopes.join(', ')}.`);
    return 0;
  });
}

async function changePassword(call: Call, name: string): Promise<number> {
  const password = await passwordFor(call, name);
  return withAccess(call, async (store) => {
    await store.users.setPassword(name, password);
    if (call.isJson) printJson({ name: name.normalize('NFC'), changed: true });
    else tell(`The user "${name}" has a new password; tokens until now count no more.`);
    return 0;
  });
}

function remove(call: Call, store: AccessStore, name: string): number {
  store.users.remove(name);
  if (call.isJson) printJson({ name: name.normalize('NFC'), removed: true, left: store.users.count });
  else tell(`The user "${name}" is gone, and every token with it.`);
  const words = lastOneWords(call, store);
  if (words !== null) tell(words);
  return 0;
}

async function passwordFor(call: Call, name: string): Promise<string> {
  if (call.options.passwordStdin === true) {
    return secretFromStdin('--password-stdin', 'drover users add NAME --password-stdin');
  }
  if (!isInteractive()) {
    throw new Fault('bad_request', 'A password is asked for on a terminal only.', {
      hint: 'For example: drover users add NAME --password-stdin < FILE',
    });
  }
  const ask = async (message: string): Promise<string> => {
    const answer = await askPassword({ message, output: process.stderr });
    if (isCancel(answer)) throw new Fault('cancelled', 'Nothing was changed.');
    return answer;
  };
  const password = await ask(`Password for ${name}`);
  if (password === (await ask('Once more'))) return password;
  throw new Fault('bad_request', 'The two are not the same.');
}
