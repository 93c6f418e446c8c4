// What a configuration that came over the network may not change: commands that would be run, where engines come from,
// and who may call. Those are for the file on disk to say. Pure.
import { Fault } from '../base/fault.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import { checkFlags } from '../engine/flags.ts';
import { isReserved } from '../models/names.ts';
import type { ConfigEdit } from './config-file.ts';

/** They decide what is run on this machine. Free where the file says `allowCustomCommands: true`. */
const RUNS_PROGRAMS = ['engine', 'githubApi', 'githubDownloads', 'debianArchive', 'updateUrl'] as const;
/** They decide who may reach what. Never changed by a request. */
const OPENS_DOORS = [
  ...(['allowCustomCommands', 'insecure', 'auth', 'requireApiKey', 'listen'] as const),
  ...(['hostNames', 'corsOrigins', 'downloadHosts', 'hfEndpoint'] as const),
];
/** Of an entry: what is run, with which environment, and where its requests go. */
const RUNS_IN_ENTRY = ['cmd', 'cmdStop', 'env', 'proxy', 'macros'] as const;

const LONGEST_ID = 256;

/** Why a request may not change this setting; null: it may. */
export function lockOf(name: keyof Settings, values: Partial<Settings>): string | null {
  const isAmong = (names: readonly (keyof Settings)[]): boolean => names.includes(name);
  if (isAmong(OPENS_DOORS)) return 'It decides who may reach what: only the file on the machine can change it.';
  if (isAmong(RUNS_PROGRAMS) && values.allowCustomCommands !== true) {
    return 'It decides which program is run: only the file on the machine can change it.';
  }
  return null;
}

/** What a text that does not speak of them leaves as it is: a whole new configuration must not unlock the server. */
export const keptSettings = (before: Partial<Settings>, after: Partial<Settings>): readonly ConfigEdit[] =>
  [...OPENS_DOORS, ...(before.allowCustomCommands === true ? [] : RUNS_PROGRAMS)].flatMap((name) =>
    before[name] === undefined || after[name] !== undefined ? [] : [{ path: [name], value: before[name] }],
  );

/** Throws `forbidden` (`bad_request` for a bad id or flag) where `after` may not replace `before`. */
export function requireHarmless(before: Partial<Settings>, after: Partial<Settings>): void {
  for (const name of OPENS_DOORS) {
    if (isSame(before[name], after[name])) continue;
    throw onlyTheFile(`"${name}" cannot be changed by a request.`, `drover config set ${name} …`);
  }
  const mayRun = before.allowCustomCommands === true;
  for (const name of mayRun ? [] : RUNS_PROGRAMS) {
    if (!isSame(before[name], after[name])) throw needsPermission(`"${name}" decides which program is run.`);
  }
  const hasCommand = Object.values(after.models ?? {}).some((entry) => entry.cmd !== undefined);
  if (!mayRun && hasCommand && !isSame(before.macros, after.macros)) {
    throw needsPermission('"macros" are part of commands that are run.');
  }
  for (const [id, entry] of Object.entries(after.models ?? {})) {
    const known = entryOf(before, id);
    if (known === null) requireUsableId(id);
    requireHarmlessEntry(id, known ?? {}, entry, mayRun);
  }
}

function requireHarmlessEntry(id: string, before: ModelEntry, after: ModelEntry, mayRun: boolean): void {
  for (const field of mayRun ? [] : RUNS_IN_ENTRY) {
    if (after[field] !== undefined && !isSame(before[field], after[field])) {
      throw needsPermission(`models.${id}.${field} decides what is run or reached.`);
    }
  }
  if (after.flags !== undefined && !isSame(before.flags, after.flags)) checkFlags(after.flags, 'network');
}

/** Throws `bad_request` for a name that would shadow a route or cannot be written. */
export function requireUsableId(id: string): void {
  if (id === '' || id.length > LONGEST_ID || /\p{Cc}/u.test(id) || id.trim() !== id) {
    throw new Fault('bad_request', `A model's name is 1 to ${LONGEST_ID} characters, without blanks around it.`, {
      details: { field: 'modelId' },
    });
  }
  if (!isReserved(id)) return;
  throw new Fault('bad_request', `"${id}" is a word of ours and cannot be a model's name.`, {
    hint: 'Choose another name.',
    details: { field: 'modelId' },
  });
}

export function entryOf(values: Partial<Settings>, id: string): ModelEntry | null {
  const models = values.models ?? {};
  return Object.hasOwn(models, id) ? (models[id] ?? null) : null;
}

const isSame = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

const onlyTheFile = (message: string, command: string): Fault =>
  new Fault('forbidden', message, { hint: `Change it in the file, or with "${command}" on this machine.` });

const needsPermission = (message: string): Fault =>
  new Fault('forbidden', message, {
    hint: 'Requests may change it only where config.yaml says allowCustomCommands: true.',
  });
