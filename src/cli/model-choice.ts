// Which model, where nobody said: a choice among those that are here, the loaded ones first, each with how it fits; where there
// is none, among those that are worth a first try on this machine. It must never ask without a terminal, nor fetch unasked.
import { confirm, isCancel, select } from '@clack/prompts';
import { Fault } from '../base/fault.ts';
import type { FitReport, ModelView } from '../core/drover.ts';
import type { RecommendedModel, RecommendedModels } from '../core/recommended.ts';
import { PROBE_ID } from '../models/names.ts';
import type { ServerClient } from './client.ts';
import type { Call } from './command-line.ts';
import { pullModel } from './pull.ts';
import { bytesText, isInteractive } from './terminal.ts';

/** Whose fit is worked out before the question: more would make people wait. */
const MOST_FITS = 12;
const OTHERS = '';

/** A model's id. Throws `bad_request` with what there is where nobody can be asked, `cancelled` on a no. */
export async function chooseModel(call: Call, client: ServerClient, isServing: boolean): Promise<string> {
  const { models } = await client.get<{ models: readonly ModelView[] }>('/drover/models');
  const usable = usableFirst(models);
  if (!isInteractive()) {
    const names = usable.map(({ id }) => id);
    throw new Fault('bad_request', 'Which model?', {
      hint: names.length > 0 ? `There is: ${names.join(', ')}.` : 'There is none yet: drover pull OWNER/NAME',
    });
  }
  if (usable.length === 0) return offerRecommended(call, client, isServing);
  const fits = await fitsOf(client, usable.slice(0, MOST_FITS));
  const chosen = await select({
    message: 'Which model?',
    options: [
      ...usable.map((model) => ({ value: model.id, label: model.id, hint: hintOf(model, fits.get(model.id) ?? null) })),
      { value: OTHERS, label: 'another one', hint: 'what is worth a try on this machine' },
    ],
    maxItems: 15,
    output: process.stderr,
  });
  if (isCancel(chosen)) throw new Fault('cancelled', 'No model was chosen.');
  return chosen === OTHERS ? offerRecommended(call, client, isServing) : chosen;
}

/** Those to talk to; loaded ones first, then by name. The probe talks nonsense. */
export const usableFirst = (models: readonly ModelView[]): readonly ModelView[] =>
  models
    .filter(({ id, failure, kind }) => failure === null && id !== PROBE_ID && kind === 'text')
    .toSorted(
      (left, right) =>
        Number(right.instance?.state === 'ready') - Number(left.instance?.state === 'ready') ||
        left.id.localeCompare(right.id),
    );

async function fitsOf(client: ServerClient, models: readonly ModelView[]): Promise<ReadonlyMap<string, FitReport>> {
  const asked = models.map(async ({ id }) => {
    const report = await client.get<FitReport>(`/drover/fit?model=${encodeURIComponent(id)}`).catch(() => null);
    return report === null ? [] : [[id, report] as const];
  });
  return new Map((await Promise.all(asked)).flat());
}

function hintOf(model: ModelView, fit: FitReport | null): string {
  const words = fit === null ? null : FIT_WORDS[fit.fit];
  const state = model.instance?.state === 'ready' ? 'loaded' : words;
  return [state, model.quantization, model.sizeBytes === null ? null : bytesText(model.sizeBytes)]
    .filter((word) => word !== null)
    .join(', ');
}

const FIT_WORDS: Readonly<Record<FitReport['fit'], string>> = {
  fits: 'fits',
  fits_partly: 'fits partly on the GPU',
  does_not_fit: 'does not fit',
};

/** Those of which something fits, each with what would be fetched. */
export async function recommendedFor(client: ServerClient, signal: AbortSignal): Promise<readonly RecommendedModel[]> {
  const answer = (await (
    await client.send('GET', '/drover/recommended', undefined, signal)
  ).json()) as RecommendedModels;
  if (answer.failure !== null) {
    throw new Fault('offline', `There is no model here, and none can be offered: ${answer.failure.message}`, {
      hint: 'Name a folder that has some: --models-folder DIR',
    });
  }
  return answer.models.filter(({ offer }) => offer !== null);
}

export const recommendedOption = ({ repository, title, about, offer }: RecommendedModel) => ({
  value: `${repository}:${offer?.tag ?? ''}`,
  label: `${title} ${offer?.tag ?? ''}, ${bytesText(offer?.totalBytes)}`,
  hint: about,
});

/** Null: none, thanks. */
export async function askForRecommended(models: readonly RecommendedModel[]): Promise<string | null> {
  const chosen = await select({
    message: 'Which one is to be fetched from Hugging Face?',
    options: [...models.map(recommendedOption), { value: OTHERS, label: 'none' }],
    output: process.stderr,
  });
  return isCancel(chosen) || chosen === OTHERS ? null : chosen;
}

async function offerRecommended(call: Call, client: ServerClient, isServing: boolean): Promise<string> {
  const models = await recommendedFor(client, call.signal);
  if (models.length === 0) throw new Fault('does_not_fit', 'No model of the list fits this machine.');
  const reference = await askForRecommended(models);
  if (reference === null) throw new Fault('cancelled', 'No model was chosen.');
  const { model, done } = await pullModel(call, client, reference, isServing);
  if (model === null) throw new Fault('unavailable', `${done.name} is there, but was not found among the models.`);
  return model.id;
}

/** `owner/name` or `owner/name:QUANT`, as the hub has it. */
const isReference = (name: string): boolean => /^[\w.-]+\/[\w.-]+(?::[\w.-]+)?$/.test(name);

/** The name itself where a model has it, or may have; one of the hub's that is not here is fetched first, on a yes. */
export async function pullUnknown(call: Call, client: ServerClient, name: string, isServing: boolean): Promise<string> {
  if (!isReference(name)) return name;
  const { models } = await client.get<{ models: readonly ModelView[] }>('/drover/models');
  if (models.some(({ id, aliases }) => id === name || aliases.includes(name))) return name;
  const known = await client.get<ModelView>(`/drover/models/${encodeURIComponent(name)}`).catch(() => null);
  if (known !== null) return known.id;
  if (!isInteractive()) {
    throw new Fault('not_found', `There is no model ${name} here.`, { hint: `drover pull ${name}` });
  }
  const isWanted = await confirm({ message: `${name} is not here. Fetch it?`, output: process.stderr });
  if (isCancel(isWanted) || !isWanted) throw new Fault('cancelled', 'Nothing was fetched.');
  const { model, done } = await pullModel(call, client, name, isServing);
  if (model === null) throw new Fault('unavailable', `${done.name} is there, but was not found among the models.`);
  return model.id;
}
