// What the scripts of `drover completion` ask at every press of Tab. It must never start a server, make a data directory or
// complain: who knows nothing offers nothing.
import { existsSync } from 'node:fs';
import { loadConfig } from '../config/load.ts';
import type { ModelView } from '../core/drover.ts';
import type { DownloadJob } from '../models/downloads.ts';
import { withAccess } from './access-store.ts';
import { withCore, withModels } from './assembly.ts';
import { type Candidate, type Wanted, wantedAt } from './candidates.ts';
import { findServer } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { bytesText, print } from './terminal.ts';
import type { WordKind } from './verbs.ts';

/** Whoever waits for a word rather types it. */
const PATIENCE_MS = 2000;

/**
 * A candidate a line, its help behind a tab; at last, behind a colon, what the shell adds itself: `files`, `directories`, or
 * `nospace` after a word that goes on. The word at the cursor comes last and behind a `=`, since not every shell passes an
 * empty word on.
 */
export const complete: Run = async (call) => {
  const words = (call.words[0] as readonly string[] | undefined) ?? [];
  const wanted = wantedAt(words.slice(0, -1), (words.at(-1) ?? '=').slice(1));
  const found = [...wanted.words, ...(await namesFor(call, wanted))];
  for (const { word, help } of found) {
    if (word.startsWith(wanted.typed)) print(`${wanted.before}${word}\t${help.replace(/\s+/g, ' ')}`);
  }
  const { kinds } = wanted;
  print(
    `:${kinds.includes('file') ? 'files' : kinds.includes('directory') ? 'directories' : wanted.goesOn ? 'nospace' : ''}`,
  );
  return 0;
};

async function namesFor(call: Call, wanted: Wanted): Promise<readonly Candidate[]> {
  const kind = wanted.kinds.find((one) => one in NAMES);
  if (kind === undefined) return [];
  try {
    const options = { ...call.options, ...wanted.given };
    const config = loadConfig(options);
    if (!existsSync(config.paths.data)) return [];
    const late = new Promise<readonly Candidate[]>((resolve) => setTimeout(resolve, PATIENCE_MS, []).unref());
    return await Promise.race([NAMES[kind as keyof typeof NAMES]({ ...call, config, options }), late]);
  } catch {
    return [];
  }
}

type Lookup = (call: Call) => Promise<readonly Candidate[]>;

const NAMES = {
  model: async (call) => {
    const client = await findServer(call.config.paths);
    const models =
      client === null
        ? await withModels(call, (drover) => drover.models())
        : (await client.get<{ models: readonly ModelView[] }>('/drover/models')).models;
    return models.map((model) => ({ word: model.id, help: modelHelp(model) }));
  },
  engine: (call) =>
    withCore(call, async ({ engines }) =>
      engines.list().map(({ id, version, backend }) => ({ word: id, help: `llama.cpp ${version}, ${backend}` })),
    ),
  key: (call) => listed(call, 'keys'),
  user: (call) => listed(call, 'users'),
  download: async (call) => {
    const client = await findServer(call.config.paths);
    if (client === null) return [];
    const { downloads } = await client.get<{ downloads: readonly DownloadJob[] }>('/drover/downloads');
    return downloads.map(({ id, name, state }) => ({ word: id, help: `${name}, ${state}` }));
  },
} satisfies Partial<Record<WordKind, Lookup>>;

const modelHelp = ({ quantization, sizeBytes, instance }: ModelView): string =>
  [quantization, sizeBytes === null ? null : bytesText(sizeBytes), instance?.state]
    .filter((word) => word !== null && word !== undefined && word !== 'stopped')
    .join(', ');

async function listed(call: Call, what: 'keys' | 'users'): Promise<readonly Candidate[]> {
  if (!existsSync(call.config.paths.store)) return [];
  const found: Candidate[] = [];
  await withAccess(call, (store) => {
    for (const { name, scopes } of store[what].list()) found.push({ word: name, help: scopes.join(', ') });
    return 0;
  });
  return found;
}
