// `drover config`: read, change and check the configuration file. A change is checked before it is written, keeps every
// comment, leaves a backup; a running server takes it up by itself.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { Fault } from '../base/fault.ts';
import { editConfig, parseConfig, readConfig, writeConfig } from '../config/document.ts';
import { environment } from '../config/load.ts';
import { SETTINGS } from '../config/schema.ts';
import type { Regenerated } from '../core/regeneration.ts';
import type { SetupState } from '../core/setup-progress.ts';
import { faultOfError, findServer, jsonLines, type ServerClient, type WireError } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { isInteractive, print, printJson, progressLine, tell } from './terminal.ts';

export const config: Run = async (call) => {
  const [action, key, value] = call.words.map((word) => (typeof word === 'string' ? word : undefined));
  const file = call.config.paths.configFile;
  switch (action) {
    case 'path':
      print(file);
      return 0;
    case 'get':
      return get(call, key);
    case 'set':
      if (key === undefined || value === undefined) throw new Fault('bad_request', 'drover config set KEY VALUE');
      return change(file, key, parse(value));
    case 'unset':
      if (key === undefined) throw new Fault('bad_request', 'drover config unset KEY');
      return change(file, key, undefined);
    case 'edit':
      return edit(file);
    case 'check': {
      const { warnings } = readConfig(file).parsed;
      for (const warning of warnings) tell(`${file}:${warning.line}:${warning.column}: ${warning.message}`);
      tell(`${file} is well formed.`);
      return 0;
    }
    case 'generate':
      return generate(call, key);
    default:
      throw new Fault(
        'bad_request',
        `drover config knows get, set, unset, edit, path, check and generate, not "${action ?? ''}".`,
      );
  }
};

interface GenerateLine {
  readonly setup?: SetupState;
  readonly generated?: Regenerated;
  readonly error?: WireError;
}

/** Entries for the models of one folder, or of all tracked ones, made by the server; one for the time of it where none runs. */
async function generate(call: Call, folder: string | undefined): Promise<number> {
  const running = await findServer(call.config.paths);
  if (running !== null) return generateOn(call, running, folder);
  const { startQuietly } = await import('./serve.ts');
  await using server = await startQuietly(call);
  return await generateOn(call, server.client, folder);
}

async function generateOn(call: Call, client: ServerClient, folder: string | undefined): Promise<number> {
  const body = folder === undefined ? {} : { folder: resolve(folder) };
  const response = await client.send('POST', '/drover/generate?stream=true', body, call.signal);
  const bar = progressLine(call.isJson, countWords);
  try {
    for await (const line of jsonLines<GenerateLine>(response)) {
      if (line.error !== undefined) throw faultOfError(line.error, 'internal');
      if (line.setup !== undefined) bar.update(line.setup.step, line.setup.doneCount, line.setup.totalCount || null);
      if (line.generated !== undefined) {
        bar.stop();
        tellGenerated(call, line.generated);
      }
    }
  } finally {
    bar.stop();
  }
  return 0;
}

const countWords = (done: number, total: number | null): string => (total === null ? '' : `${done} of ${total}`);

function tellGenerated(call: Call, made: Regenerated): void {
  if (call.isJson) {
    printJson(made);
    return;
  }
  for (const { path, modelCount, failure } of made.folders) tell(`  ${path}: ${failure ?? `${modelCount} models`}`);
  const counts = [
    [made.added.length, 'added'],
    [made.changed.length, 'changed'],
    [made.removed.length, 'removed'],
    [made.keptByHand.length, 'kept as written by hand'],
  ].map(([count, word]) => `${count} ${word}`);
  tell(`${counts.join(', ')}${made.backupPath === null ? '' : `; the old file is ${made.backupPath}`}.`);
  for (const note of made.notes) tell(`  ${note}`);
}

function get(call: Call, key: string | undefined): number {
  const { settings, origins } = call.config;
  if (key === undefined) {
    if (call.isJson) printJson(settings);
    else {
      for (const name of Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]) {
        print(`${name}: ${JSON.stringify(settings[name])}  # ${origins[name]}; ${SETTINGS[name].help}`);
      }
    }
    return 0;
  }
  let value: unknown = settings;
  for (const part of partsOf(key)) value = (value as Record<string, unknown> | undefined)?.[part];
  if (value === undefined)
    throw new Fault('not_found', `There is no setting "${key}".`, { hint: '"drover config get" shows all.' });
  if (call.isJson || typeof value === 'object') printJson(value);
  else print(String(value));
  return 0;
}

/** `models.tiny.ttl`; a name with dots in quotes: `models."qwen2.5-7b".ttl`. */
const partsOf = (key: string): string[] =>
  [...key.matchAll(/"([^"]*)"|[^.]+/g)].map(([part, quoted]) => quoted ?? part);

function change(file: string, key: string, value: unknown): number {
  const path = partsOf(key);
  if (!(path[0] !== undefined && (path[0] in SETTINGS || path[0] === 'hooks'))) {
    throw new Fault('not_found', `There is no setting "${path[0] ?? ''}".`, { hint: '"drover config get" shows all.' });
  }
  const { source } = readConfig(file);
  const backup = writeConfig(file, editConfig(source, file, path, value));
  tell(backup === null ? `Wrote ${file}.` : `Wrote ${file}; the old one is ${backup}.`);
  return 0;
}

/** Opens the person's editor on a copy; the file is replaced only by one that checks. */
function edit(file: string): number {
  if (!isInteractive())
    throw new Fault('bad_request', '"drover config edit" needs a terminal.', {
      hint: 'Use "drover config set KEY VALUE".',
    });
  const env = environment();
  const editor = env.VISUAL ?? env.EDITOR ?? 'vi';
  const folder = mkdtempSync(join(tmpdir(), 'drover-config-'));
  const copy = join(folder, 'config.yaml');
  try {
    const { source } = safeRead(file);
    writeFileSync(copy, source, { mode: 0o600 });
    const [program = 'vi', ...args] = editor.split(/\s+/);
    const ended = spawnSync(program, [...args, copy], { stdio: 'inherit' });
    if (ended.error !== undefined)
      throw new Fault('not_found', `The editor "${editor}" cannot be started.`, { hint: 'Set EDITOR.' });
    const edited = readFileSync(copy, 'utf8');
    if (edited === source) tell('Nothing was changed.');
    else {
      parseConfig(edited, file);
      writeConfig(file, edited);
      tell(`Wrote ${file}.`);
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that is wrong must be editable all the same. */
function safeRead(file: string): { source: string } {
  try {
    return { source: readFileSync(file, 'utf8') };
  } catch {
    return { source: '# Settings of Drover; "drover config get" explains each.\n' };
  }
}
