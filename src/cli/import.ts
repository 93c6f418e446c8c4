// `drover import claracore DIR`: shows what would come over from a ClaraCore folder, and does it when told to. It never
// overwrites what is there, never writes into that folder, and never prints a key.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { confirm, isCancel } from '@clack/prompts';
import { isSeq } from 'yaml';
import { Fault } from '../base/fault.ts';
import { type ImportContext, type ImportPlan, planImport } from '../config/claracore.ts';
import { readClaraFolder } from '../config/claracore-files.ts';
import { type Edit, editConfigAll, type ParsedConfig, readConfig, writeConfig } from '../config/document.ts';
import type { FlagValue } from '../config/llama-command.ts';
import { environment } from '../config/load.ts';
import { expandHome } from '../config/paths.ts';
import type { Settings } from '../config/schema.ts';
import { MASK } from '../config/secret-rules.ts';
import { maskValues } from '../config/secrets.ts';
import { checkFlags } from '../engine/flags.ts';
import { readModelFacts } from '../models/gguf-file.ts';
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
  const planned = planImport(readClaraFolder(source), contextOf(own.parsed, call));
  const edits = [...planned.edits, ...folderEdits(planned.folders, own.parsed.values)];
  const isChange = edits.length > 0;
  // Made before anything is asked: what cannot be written is told now.
  const text = isChange ? editConfigAll(own.source, file, edits) : own.source;
  if (!call.isJson) showPlan(planned.plan, file);
  if (!(await isWanted(call, isChange))) {
    if (call.isJson) printJson({ ...shown(planned.plan), isChange, isDone: false, backup: null });
    else if (!isChange) tell(`\n${ALL_HERE}`);
    else tell(`\nNothing was written. To do it: drover import claracore ${quoted(folder)} --yes`);
    return 0;
  }
  if (isChange && readConfig(file).source !== own.source)
    throw new Fault('conflict', `${file} was changed meanwhile, so nothing was written.`, { hint: 'Run it again.' });
  const backup = isChange ? writeConfig(file, text) : null;
  keepApiKey(call, planned.apiKey);
  if (call.isJson) printJson({ ...shown(planned.plan), isChange, isDone: true, backup });
  else tell(isChange ? `\nWrote ${file}${backup === null ? '' : `; the old one is ${backup}`}.` : `\n${ALL_HERE}`);
  return 0;
};

const ALL_HERE = 'It is all here already.';

/** Folders that hold models are a setting. */
const folderEdits = (folders: readonly string[], own: Partial<Settings>): Edit[] =>
  folders.length === 0 ? [] : [{ path: ['modelsFolders'], value: [...(own.modelsFolders ?? []), ...folders] }];

/** What the plan says of ClaraCore's API key, as long as it is not taken over. */
const KEY_REASON = 'Drover makes keys of its own';

/**
 * SEAM: ClaraCore's clients know this key, so it should be accepted as it is. The key ring only makes keys of its own, so
 * for now the person is told what to expect.
 */
function keepApiKey(call: Call, apiKey: string | null): void {
  if (apiKey === null || call.isJson) return;
  tell(
    '  ClaraCore’s API key does not come along. Where a key is needed, Drover makes one at its first start and shows it.',
  );
}

function folderOf(given: string): string {
  const path = resolve(expandHome(given));
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return path;
  throw new Fault('not_found', found === undefined ? `There is no folder ${path}.` : `${path} is no folder.`, {
    hint: 'Name the folder that ClaraCore runs in.',
  });
}

const contextOf = ({ values, document }: ParsedConfig, call: Call): ImportContext => ({
  own: values,
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
const shown = (plan: ImportPlan): ImportPlan => maskValues(plan);

const quoted = (word: string): string => (/^[\w./:~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const OUTCOMES: Readonly<Record<string, string>> = {
  add: green('comes'),
  structured: green('comes'),
  command: yellow('comes as a command'),
  same: dim('is here already'),
  kept: yellow('stays as it is here'),
  left_out: red('left out'),
};

function showPlan(given: ImportPlan, file: string): void {
  const plan = shown(given);
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
    ...(plan.apiKey === null ? [] : [row('API key', MASK, 'left_out', KEY_REASON)]),
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
