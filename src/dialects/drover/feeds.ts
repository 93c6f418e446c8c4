// What our own streams are fed from: the bus, the log and a load in progress. Each feed ends when its reader leaves.
import type { Told } from '../../base/bus.ts';
import { toFault } from '../../base/fault.ts';
import type { LogLine } from '../../base/log.ts';
import type { BenchProgress } from '../../core/bench.ts';
import type { Drover } from '../../core/drover.ts';
import { engineSource, speaksFor } from '../../core/log-history.ts';
import type { MachineFigures, MachineSamples } from '../../core/machine-samples.ts';
import type { Regenerated } from '../../core/regeneration.ts';
import type { Measured } from '../../core/test-sessions.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';
import {
  benchFrame,
  eventFrame,
  failFrame,
  finishFrame,
  generatedFrame,
  logFrame,
  measuredFrame,
  progressFrame,
  sampleFrame,
  setupFrame,
} from './stream.ts';

export interface EventQuery {
  /** Events after this sequence that are still known come first; null: only what comes. */
  readonly after: number | null;
  /** Lines of ours and of engines too. In a log anything may stand: they are for admins. */
  readonly hasLines: boolean;
  /** Figures of the machine among them, this often; null: none. */
  readonly samples: { readonly of: Pick<MachineSamples, 'subscribe'>; readonly intervalMs: number } | null;
}

export async function* eventFeed(
  drover: Drover,
  { after, hasLines, samples }: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<string> {
  // The headers must go out at once, events or not.
  yield ': drover\n\n';
  const events = newsFeed(drover.bus.stream(after === null ? { signal } : { signal, after }), hasLines);
  if (samples === null) yield* events;
  else yield* amongSamples(events, samples, signal);
}

async function* newsFeed(events: AsyncIterable<Told<DroverEvent>>, hasLines: boolean): AsyncGenerator<string> {
  for await (const told of events) {
    const { type } = told.event;
    if (!hasLines && (type === 'log' || type === 'engine.output')) continue;
    yield eventFrame(told);
    if (type === 'server.stopping') return;
  }
}

/** News as it comes, and between them the latest figures; a slow reader misses figures, never news. */
async function* amongSamples(
  news: AsyncGenerator<string>,
  { of, intervalMs }: NonNullable<EventQuery['samples']>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let latest: MachineFigures | null = null;
  let next: IteratorResult<string> | null = null;
  let failure: { readonly thrown: unknown } | null = null;
  let wake: () => void = () => undefined;
  const ask = (): void => {
    next = null;
    news.next().then(
      (result) => {
        next = result;
        wake();
      },
      (thrown: unknown) => {
        failure = { thrown };
        wake();
      },
    );
  };
  const unsubscribe = of.subscribe(intervalMs, (figures) => {
    latest = figures;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    ask();
    while (!signal.aborted) {
      const come = next as IteratorResult<string> | null;
      const figures = latest as MachineFigures | null;
      if (failure !== null) throw (failure as { readonly thrown: unknown }).thrown;
      if (come !== null) {
        if (come.done === true) return;
        yield come.value;
        ask();
      } else if (figures !== null) {
        latest = null;
        yield sampleFrame(figures);
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
    // It ends with the signal, or has ended.
    void news.return(undefined);
  }
}

export interface LogQuery {
  readonly limit: number;
  readonly model: string | null;
  readonly isFollowed: boolean;
}

export async function* logFeed(drover: Drover, query: LogQuery, signal: AbortSignal): AsyncGenerator<string> {
  const accepts = speaksFor(query.model);
  const after = drover.bus.lastSequence;
  const lines = [...drover.log.recent(), ...engineLines(drover.bus.recent())]
    .filter(accepts)
    .sort((left, right) => left.at - right.at);
  for (const line of query.limit === 0 ? [] : lines.slice(-query.limit)) yield logFrame(line);
  if (!query.isFollowed) return;
  // The headers go out with the first bytes, and the next line may be long in coming.
  yield '\n';
  for await (const told of drover.bus.stream({ signal, after })) {
    // An endless stream would hold up the drain.
    if (told.event.type === 'server.stopping') return;
    const line = lineOf(told);
    if (line !== null && accepts(line)) yield logFrame(line);
  }
}

/** Lines of engines come over the bus only; ours are kept by the log. */
const engineLines = (history: readonly Told<DroverEvent>[]): LogLine[] =>
  history.flatMap((told) => (told.event.type === 'engine.output' ? (lineOf(told) ?? []) : []));

function lineOf(told: Told<DroverEvent>): LogLine | null {
  const { event } = told;
  if (event.type === 'log') return event.line;
  if (event.type !== 'engine.output') return null;
  return { at: told.at, level: 'info', source: engineSource(event.modelId), message: event.line, fields: {} };
}

/** Stages as they come, then the instance or the error: exactly one of them, last. */
export const loadFeed = (drover: Drover, model: string, signal: AbortSignal): AsyncGenerator<string> =>
  jobFeed((push) =>
    drover.load(model, { signal, onProgress: (stage, detail) => push(progressFrame(stage, detail)) }).then(finishFrame),
  );

/** The same of a configuration that is made. It goes on when its reader leaves: half of one is of no use. */
export const generateFeed = (
  drover: Drover,
  work: () => Promise<Regenerated>,
  signal: AbortSignal,
): AsyncGenerator<string> =>
  jobFeed(async (push) => {
    const unsubscribe = drover.bus.subscribe(({ event }) => {
      if (event.type === 'setup.progress' && !signal.aborted) push(setupFrame(event.setup));
    });
    return await work().then(generatedFrame).finally(unsubscribe);
  });

/** The same of a benchmark. It ends when its reader leaves. */
export const benchFeed = (
  work: (onProgress: (progress: BenchProgress) => void) => Promise<Measured>,
): AsyncGenerator<string> =>
  jobFeed(async (push) => measuredFrame(await work((progress) => push(benchFrame(progress)))));

/** What is pushed while the work goes on, then how it ended. */
async function* jobFeed(work: (push: (frame: string) => void) => Promise<string>): AsyncGenerator<string> {
  const queue: string[] = [];
  let wake: (() => void) | null = null;
  let isOver = false;
  const push = (frame: string): void => {
    queue.push(frame);
    wake?.();
  };
  const working = work(push)
    .then(push, (thrown: unknown) => push(failFrame(toFault(thrown))))
    .finally(() => {
      isOver = true;
      wake?.();
    });
  while (!isOver || queue.length > 0) {
    const frame = queue.shift();
    if (frame !== undefined) yield frame;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = null;
    }
  }
  await working;
}
