// `drover import claracore DIR`: shows what would come over from a ClaraCore folder, and does it when told to. It never
// overwrites what is there, never writes into that folder, and never prints a key.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { confirm, isCancel } from '@clack/prompts';
import { isSeq } from 'yaml';
import { KEY_MIGRATIONS, KeyRing } from '../access/keys.ts';
import { Fault } from '../base/fault.ts';
import { expandHome } from '../base/file.ts';
import { openStore, type Store } from '../base/store.ts';
import {
  type ImportContext,
  type ImportPlan,
  type Outcome,
  type PlannedFolder,
  planImport,
} from '../config/claracore.ts';
import { readClaraFolder } from '../config/claracore-files.ts';
import { editConfigAll, type ParsedConfig, readConfig, writeConfig } from '../config/document.ts';
import type { FlagValue } from '../config/llama-command.ts';
import { environment } from '../config/load.ts';
import { MASK } from '../config/secret-rules.ts';
import { maskValues } from '../config/secrets.ts';
import { SYSTEM_KEY_NAME } from '../core/system-settings.ts';
import { checkFlags } from '../engine/flags.ts';
import { FOLDER_MIGRATION, FolderBook } from '../models/folder-book.ts';
import { readModelFacts } from '../models/gguf-file.ts';
import { findServer } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { dim, green, isInteractive, print, printJson, red, table, tell, yellow } from './terminal.ts';

export const importFrom: Run = async (call) => {
  const [program, folder] = call.words;
  if (program !== 'claracore' || typeof folder !== 'string')
    throw new Fault('bad_request', `drover import knows claracore, not "${String(program)}".`, {
      hint: 'drover import claracore DIR',
    });
  const source = folderOf(folder);
  const file = call.config.paths.configFile;
  const own = readConfig(file);
  const tracked = await ofStore<readonly string[]>(call, [], (store) =>
    new FolderBook(store).list().map(({ path }) => path),
  );
  const planned = planImport(readClaraFolder(source), contextOf(own.parsed, tracked, call));
  const key = await keyOutcome(call, planned.apiKey);
  const isEdit = planned.edits.length > 0;
  const isChange = isEdit || planned.folders.length > 0 || key === 'add';
  // Made before anything is asked: what cannot be written is told now.
  const text = isEdit ? editConfigAll(own.source, file, planned.edits) : own.source;
  if (!call.isJson) showPlan(planned.plan, key, file);
  if (!(await isWanted(call, isChange))) {
    if (call.isJson) printJson({ ...shown(planned.plan, key), isChange, isDone: false, backup: null });
    else if (isChange) tell(`\nNothing was written. To do it: drover import claracore ${quoted(folder)} --yes`);
    return 0;
  }
  // The key is there before the lock is.
  await keep(call, planned.folders, key === 'add' ? planned.apiKey : null);
  const backup = isEdit ? writeConfig(file, text) : null;
  if (isChange) await tellServer(call);
  if (call.isJson) printJson({ ...shown(planned.plan, key), isChange, isDone: true, backup });
  else
    tell(
      isChange ? `\nWrote ${file}${backup === null ? '' : `; the old one is ${backup}`}.` : '\nIt is all here already.',
    );
  return 0;
};

const MIGRATIONS = [...KEY_MIGRATIONS, FOLDER_MIGRATION];

/** Looks into the store where there is one: a plan alone makes none. */
async function ofStore<T>(call: Call, otherwise: T, look: (store: Store) => T | Promise<T>): Promise<T> {
  const { paths } = call.config;
  if (!existsSync(paths.store)) return otherwise;
  using store = openStore(paths.store, MIGRATIONS);
  return await look(store);
}

/** What becomes of ClaraCore's key; null where it has none. A key that its owner chose here stays. */
const keyOutcome = async (call: Call, key: string | null): Promise<Outcome | null> =>
  key === null
    ? null
    : ofStore<Outcome>(call, 'add', async (store) => {
        const ring = new KeyRing(store);
        if ((await ring.identify([key])) !== null) return 'same';
        return ring.has(SYSTEM_KEY_NAME) ? 'kept' : 'add';
      });

/** Folders and the key go to the store. */
async function keep(call: Call, folders: readonly PlannedFolder[], key: string | null): Promise<void> {
  if (folders.length === 0 && key === null) return;
  const { paths } = call.config;
  mkdirSync(paths.data, { recursive: true, mode: 0o700 });
  using store = openStore(paths.store, MIGRATIONS);
  new FolderBook(store).add(folders);
  if (key !== null) await new KeyRing(store).adopt(SYSTEM_KEY_NAME, key);
}

async function tellServer(call: Call): Promise<void> {
  const server = await findServer(call.config.paths);
  await server?.post('/drover/reload', {}, call.signal);
}

function folderOf(given: string): string {
  const path = resolve(expandHome(given));
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return path;
  throw new Fault('not_found', found === undefined ? `There is no folder ${path}.` : `${path} is no folder.`, {
    hint: 'Name the folder that ClaraCore runs in.',
  });
}

const contextOf = (
  { values, document }: ParsedConfig,
  trackedFolders: readonly string[],
  call: Call,
): ImportContext => ({
  own: values,
  trackedFolders,
  isMacroList: isSeq(document.get('macros')),
  isWindows: /^([A-Za-z]:|\\\\)/.test(call.config.paths.data),
  environment: environment(),
  isKnownFlag,
  isFile: (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true,
  isFolder: (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  kindOf,
});

function isKnownFlag(name: string, value: FlagValue): boolean {
  try {
    checkFlags({ [name]: value }, 'file');
    return true;
  } catch {
    return false;
  }
}

function kindOf(path: string): string | null {
  try {
    const { kind } = readModelFacts(path);
    return kind === 'unknown' ? null : kind;
  } catch {
    return null;
  }
}

/** Asks only where somebody can answer; a script says `--yes`. */
async function isWanted(call: Call, isChange: boolean): Promise<boolean> {
  if (call.options.yes === true) return true;
  if (!isChange || call.isJson || !isInteractive()) return false;
  const answer = await confirm({ message: 'Do it?', initialValue: true, output: process.stderr });
  return !isCancel(answer) && answer;
}

/** Variables and commands may hold secrets. */
const shown = (plan: ImportPlan, key: Outcome | null): ImportPlan =>
  maskValues({ ...plan, apiKey: plan.apiKey === null ? null : { ...plan.apiKey, outcome: key } });

const quoted = (word: string): string => (/^[\w./:~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const OUTCOMES: Readonly<Record<string, string>> = {
  add: green('comes'),
  structured: green('comes'),
  command: yellow('comes as a command'),
  same: dim('is here already'),
  kept: yellow('stays as it is here'),
  left_out: red('left out'),
};

function showPlan(given: ImportPlan, key: Outcome | null, file: string): void {
  const plan = shown(given, key);
  const missing = plan.files.filter(({ isThere }) => !isThere).map(({ name }) => name);
  print(`From ${plan.folder} into ${file}${missing.length > 0 ? dim(` (without ${missing.join(', ')})`) : ''}`);
  const rows: [string, string, string, string][] = [
    ...plan.settings.map(({ name, value, outcome, reason }) =>
      row('setting', `${name}: ${JSON.stringify(value)}`, outcome, reason),
    ),
    ...plan.folders.map(({ path, outcome, reason }) => row('folder', path, outcome, reason)),
    ...plan.macros.map(({ name, outcome, reason }) => row('macro', name, outcome, reason)),
    ...plan.models.map(({ id, outcome, reason, notes }) =>
      row('model', id, outcome, [...(reason === null ? [] : [reason]), ...notes].join('; ')),
    ),
    ...plan.groups.map(({ name, outcome, reason }) => row('group', name, outcome, reason)),
    ...(plan.preload === null ? [] : [row('preload', '', plan.preload.outcome, plan.preload.reason)]),
    ...(key === null ? [] : [row('API key', MASK, key, key === 'kept' ? 'there is another one here' : null)]),
  ];
  print(table(['WHAT', 'NAME', 'RESULT', 'WHY'], rows));
  const count = (outcome: string): number => plan.models.filter((model) => model.outcome === outcome).length;
  print(
    `${plan.models.length} models: ${count('structured')} as entries of ours, ${count('command')} as commands, ${count('same')} here already, ${count('left_out')} left out.`,
  );
}

const row = (what: string, name: string, outcome: string, reason: string | null): [string, string, string, string] => [
  what,
  name,
  OUTCOMES[outcome] ?? outcome,
  reason ?? '',
];
