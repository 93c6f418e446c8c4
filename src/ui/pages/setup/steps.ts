// Where a set-up stands: derived from what the server says, so that a page that is opened again goes on. Pure.
import type { Download, Model, Visit } from '../../api/answers.ts';
import { isChatModel } from '../../api/queries.ts';

export type StepState = 'done' | 'current' | 'ahead';

export interface Steps {
  readonly engine: StepState;
  readonly models: StepState;
  readonly chat: StepState;
}

export function stepsOf(visit: Pick<Visit, 'engine'> | undefined, usableCount: number): Steps {
  const hasEngine = visit?.engine.state === 'ready';
  const hasModel = usableCount > 0;
  return {
    engine: hasEngine ? 'done' : 'current',
    // A model may be chosen while the engine is still on its way.
    models: hasModel ? 'done' : 'current',
    chat: hasEngine && hasModel ? 'current' : 'ahead',
  };
}

/** Those to chat with, the newest file first: what was just brought is what is wanted. Commands have no age. */
export const chatModels = (models: readonly Model[], probeId: string | null): Model[] =>
  models
    .filter((model) => model.id !== probeId && isChatModel(model))
    .toSorted(
      (left, right) =>
        Number(left.isCustom) - Number(right.isCustom) ||
        right.createdAt - left.createdAt ||
        left.id.localeCompare(right.id, 'en'),
    );

/** The model that a finished download brought; null: it is not listed (yet). */
function broughtBy(download: Download, models: readonly Model[]): Model | null {
  const paths = new Set(download.files.map(({ path }) => path));
  return models.find(({ path }) => path !== null && paths.has(path)) ?? null;
}

/** What to load first: what somebody chose, else what a download brought, else the newest. */
export function chosenOf(
  choice: string | null,
  models: readonly Model[],
  downloads: readonly Download[],
): Model | null {
  const known = models.find(({ id }) => id === choice);
  if (known !== undefined) return known;
  const finished = downloads
    .filter(({ state }) => state === 'finished')
    .toSorted((left, right) => (right.finishedAt ?? 0) - (left.finishedAt ?? 0));
  for (const download of finished) {
    const brought = broughtBy(download, models);
    if (brought !== null) return brought;
  }
  return models[0] ?? null;
}
