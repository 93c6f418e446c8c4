// Verbs on models: list, show, load, stop, pin, unpin, fit. They ask the running server; `list`, `show` and `fit` work
// without one too, by looking themselves.
import { confirm, isCancel } from '@clack/prompts';
import { Fault } from '../base/fault.ts';
import type { FitReport, ModelView } from '../core/drover.ts';
import type { Instance } from '../core/vocabulary.ts';
import { withModels } from './assembly.ts';
import { faultOfError, findServer, jsonLines, requireServer, type WireError } from './client.ts';
import type { Call, Run } from './command-line.ts';
import {
  bytesText,
  countText,
  dim,
  durationText,
  green,
  isInteractive,
  print,
  printJson,
  red,
  table,
  tell,
  yellow,
} from './terminal.ts';
import { verdictLines } from './verdict-text.ts';

const modelWord = (call: Call): string => {
  const [word] = call.words;
  if (typeof word !== 'string' || word === '') throw new Fault('bad_request', 'Which model? "drover list" shows them.');
  return word;
};

async function allModels(call: Call): Promise<readonly ModelView[]> {
  const client = await findServer(call.config.paths);
  if (client !== null) return (await client.get<{ models: ModelView[] }>('/drover/models')).models;
  return withModels(call, (drover) => drover.models());
}

export const list: Run = async (call) => {
  const models = await allModels(call);
  if (call.isJson) printJson(models);
  else if (models.length === 0)
    tell(
      'No models yet. Put GGUF files into a folder and name it with --models-folder or `drover config set modelsFolders DIR`.',
    );
  else {
    print(
      table(
        ['MODEL', 'SIZE', 'QUANT', 'PARAMS', 'CONTEXT', 'STATE'],
        models.map((model) => [
          model.id,
          model.sizeBytes === null ? dim('—') : bytesText(model.sizeBytes),
          model.quantization ?? dim('—'),
          model.parameterCount === null ? dim('—') : countText(model.parameterCount),
          model.contextTokens === null ? dim('—') : String(model.contextTokens),
          stateWord(model),
        ]),
      ),
    );
  }
  return 0;
};

function stateWord(model: ModelView): string {
  if (model.failure !== null) return red(`broken: ${model.failure}`);
  const state = model.instance?.state ?? 'stopped';
  if (state === 'ready') return green('ready');
  if (state === 'failed') return red('failed');
  return state === 'stopped' ? dim('stopped') : yellow(state);
}

export const show: Run = async (call) => {
  const word = modelWord(call);
  const client = await findServer(call.config.paths);
  const model =
    client !== null
      ? await client.get<ModelView>(`/drover/models/${encodeURIComponent(word)}`)
      : await withModels(call, (drover) => drover.model(word));
  if (call.isJson) {
    printJson(model);
    return 0;
  }
  const rows: [string, string][] = [
    ['model', model.id],
    ['title', model.title],
    ['kind', model.isCustom ? 'custom command' : model.kind],
    ['file', model.path ?? '—'],
    ['size', bytesText(model.sizeBytes)],
    ['quantization', model.quantization ?? 'unknown'],
    ['parameters', countText(model.parameterCount)],
    ['trained context', model.contextTokens === null ? 'unknown' : `${model.contextTokens} tokens`],
    ['sees images', model.hasVision ? 'yes' : 'no'],
    ['uses tools', model.canUseTools ? 'yes' : 'no'],
    ['also called', model.aliases.join(', ') || '—'],
    ['state', stateWord(model)],
  ];
  for (const [name, value] of rows) print(`${name.padEnd(16)} ${value}`);
  for (const line of verdictLines(model.instance?.verdict ?? null)) print(line);
  return 0;
};

interface LoadLine {
  readonly stage?: string;
  readonly detail?: string | null;
  readonly instance?: Instance;
  readonly error?: WireError;
}

export const load: Run = async (call) => {
  const word = modelWord(call);
  const client = await requireServer(call.config.paths);
  const startedAt = performance.now();
  const response = await client.send('POST', '/drover/models/load?stream=true', { model: word }, call.signal);
  for await (const line of jsonLines<LoadLine>(response)) {
    if (line.error !== undefined) throw faultOfError(line.error, 'bad_gateway');
    if (line.stage !== undefined && !call.isJson) tell(`  ${line.stage}${line.detail ? `: ${line.detail}` : ''}`);
    if (line.instance === undefined) continue;
    if (call.isJson) printJson(line.instance);
    else {
      print(`${line.instance.modelId} is ready after ${durationText(performance.now() - startedAt)}`);
      for (const text of verdictLines(line.instance.verdict)) print(text);
    }
  }
  return 0;
};

export const stop: Run = async (call) => {
  const client = await requireServer(call.config.paths);
  const isForced = call.options.force === true;
  if (call.options.all === true) {
    await client.post('/drover/models/stop', { all: true, force: isForced }, call.signal);
    tell('Stopped all models.');
    return 0;
  }
  const model = modelWord(call);
  await client.post('/drover/models/stop', { model, force: isForced }, call.signal);
  tell(`Stopped ${model}.`);
  return 0;
};

const setPinned =
  (isPinned: boolean): Run =>
  async (call) => {
    const model = modelWord(call);
    await (await requireServer(call.config.paths)).post('/drover/models/pin', { model, pinned: isPinned });
    tell(isPinned ? `${model} stays loaded.` : `${model} may go when room is needed.`);
    return 0;
  };
export const pin: Run = setPinned(true);
export const unpin: Run = setPinned(false);

export const fit: Run = async (call) => {
  const word = modelWord(call);
  const asked = call.options.context === undefined ? undefined : Number(call.options.context);
  if (asked !== undefined && !(Number.isInteger(asked) && asked > 0)) {
    throw new Fault('bad_request', `--context takes a number of tokens, not "${String(call.options.context)}".`);
  }
  const client = await findServer(call.config.paths);
  const query = `model=${encodeURIComponent(word)}${asked === undefined ? '' : `&context=${asked}`}`;
  const report =
    client !== null
      ? await client.get<FitReport>(`/drover/fit?${query}`)
      : await withModels(call, async (drover) => {
          await drover.settleEngine();
          return drover.fit(word, { contextTokens: asked });
        });
  if (call.isJson) printJson(report);
  else {
    const words = { fits: green('fits'), fits_partly: yellow('fits partly'), does_not_fit: red('does not fit') };
    print(`${report.modelId}: ${words[report.fit]}`);
    for (const [device, bytes] of Object.entries(report.takesBytes)) {
      print(
        `  ${device.padEnd(10)} takes ${bytesText(bytes).padEnd(10)} of ${bytesText(report.freeBytes[device])} free`,
      );
    }
    if (report.plan !== null) {
      const { plan } = report;
      print(
        `  context ${plan.contextTokens} tokens, ${plan.slotCount} slots, KV ${plan.cacheTypeK}/${plan.cacheTypeV}, ${plan.gpuLayers} layers on GPU`,
      );
    }
    for (const reason of report.reasons) print(`  ${reason}`);
    if (report.argv.length > 0) print(dim(`  ${report.argv.join(' ')}`));
  }
  return report.fit === 'does_not_fit' ? 5 : 0;
};

interface Removed {
  readonly id: string;
  readonly deletedFiles: readonly string[];
}

export const rm: Run = async (call) => {
  const word = modelWord(call);
  const client = await requireServer(call.config.paths);
  const withFile = call.options.file === true;
  const model = await client.get<ModelView>(`/drover/models/${encodeURIComponent(word)}`);
  if (withFile && call.options.yes !== true) await confirmDeletion(model);
  const path = `/drover/models/${encodeURIComponent(model.id)}${withFile ? '?file=true' : ''}`;
  const removed = (await (await client.send('DELETE', path, undefined, call.signal)).json()) as Removed;
  if (call.isJson) printJson(removed);
  else if (removed.deletedFiles.length === 0) tell(`Took ${removed.id} out of the configuration; its file stays.`);
  else for (const file of removed.deletedFiles) tell(`Deleted ${file}`);
  return 0;
};

/** A file that is gone does not come back. */
async function confirmDeletion(model: ModelView): Promise<void> {
  if (!isInteractive()) {
    throw new Fault('bad_request', `This deletes ${model.path ?? model.id}; --yes says that you mean it.`);
  }
  const answer = await confirm({
    message: `Delete ${model.path} (${bytesText(model.sizeBytes)})?`,
    initialValue: false,
  });
  if (isCancel(answer) || !answer) throw new Fault('cancelled', 'Nothing was deleted.');
}
