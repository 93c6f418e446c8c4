// Measures models: one benchmark at a time, so that none is in another's figures. It loads, warms up, measures cell by cell
// and can be left at any moment. It must never count what comes before the engine has the request.
import { Fault } from '../base/fault.ts';
import { Latch, untilAborted } from '../base/sync.ts';
import { EngineClient } from '../engine/client.ts';
import type { BenchCell, BenchPlan } from './bench-plans.ts';
import { obstacleOf, type Prompt, promptOf, readSubject, type Subject } from './bench-prompt.ts';
import { type BenchSample, type CellReport, cellReport, sample } from './bench-sample.ts';
import { type ResourceUse, UNKNOWN_USE, useOf, type Watch } from './bench-watch.ts';
import type { Drover } from './drover.ts';

/** How far it has come. */
export interface BenchProgress {
  readonly stage: 'waiting' | 'loading' | 'warming_up' | 'measuring';
  /** 0–1, never less than before. */
  readonly ratio: number;
}

export interface BenchOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
  /** Told what happens, in sentences. */
  readonly onNote?: ((text: string) => void) | undefined;
}

export interface BenchReport {
  readonly modelId: string;
  /** Epoch milliseconds of the end. */
  readonly at: number;
  /** From the start of its process to its first healthy answer, whenever that was; null where it is not known. */
  readonly loadMs: number | null;
  /** It was ready before. */
  readonly wasLoaded: boolean;
  /** Of one request. */
  readonly contextTokens: number | null;
  readonly slotCount: number | null;
  readonly cells: readonly CellReport[];
  /** What was not measured, and why. */
  readonly skipped: readonly { readonly promptLength: number | null; readonly reason: string }[];
}

export interface BenchParts {
  readonly drover: Pick<Drover, 'acquire' | 'load' | 'model'>;
  readonly watch: () => Watch;
}

/** The share of the whole that loading and warming up are told as. */
const BEFORE = 0.05;
/** How often a cell is begun anew because its model was loaded in the middle of it. */
const ATTEMPTS = 3;

export class Bench {
  readonly #parts: BenchParts;
  #line: Promise<void> = Promise.resolve();
  /** Who measures and who waits. */
  #count = 0;

  constructor(parts: BenchParts) {
    this.#parts = parts;
  }

  /**
   * Waits for its turn and measures. Faults: those of `Drover.load` and of the engine; `bad_request` where nothing of the
   * plan can be measured; the signal's reason.
   */
  async run(plan: BenchPlan, given: BenchOptions): Promise<BenchReport> {
    const options = { ...given, onProgress: thinned(given.onProgress) };
    const before = this.#line;
    const mine = new Latch();
    this.#count += 1;
    this.#line = before.then(() => mine.promise);
    try {
      if (this.#count > 1) options.onProgress?.({ stage: 'waiting', ratio: 0 });
      await untilAborted(before, options.signal);
      return await this.#measure(plan, options);
    } finally {
      this.#count -= 1;
      mine.open();
    }
  }

  async #measure(plan: BenchPlan, options: BenchOptions): Promise<BenchReport> {
    const { drover } = this.#parts;
    const { signal } = options;
    options.signal.throwIfAborted();
    const { id, instance } = drover.model(plan.model);
    const wasLoaded = instance?.state === 'ready';
    options.onProgress?.({ stage: 'loading', ratio: 0 });
    const { verdict } = await drover.load(id, { signal });
    const loadMs = verdict?.loadMs ?? null;
    if (!wasLoaded) options.onNote?.(loadMs === null ? `${id} is loaded.` : `${id} is loaded after ${msText(loadMs)}.`);
    const subject = await this.#look(id, verdict?.contextTokens ?? null, signal);
    const able = plan.cells.map((cell) => ({ cell, reason: obstacleOf(cell, subject) }));
    const skipped = able.flatMap(({ cell, reason }) =>
      reason === null ? [] : [{ promptLength: lengthOf(cell), reason }],
    );
    for (const { reason } of skipped) options.onNote?.(reason);
    const cells = able.flatMap(({ cell, reason }) => (reason === null ? [cell] : []));
    if (cells.length === 0) throw nothingLeft(id, skipped[0]?.reason);
    const reports: CellReport[] = [];
    for (const [index, cell] of cells.entries()) {
      const share = (1 - BEFORE) / cells.length;
      const told = (stage: BenchProgress['stage'], done: number): void =>
        options.onProgress?.({ stage, ratio: Math.min(1, BEFORE + share * (index + done)) });
      reports.push(await this.#cell(id, cell, subject, { ...options, told, isFirst: index === 0 }));
    }
    const { contextTokens, slotCount } = subject;
    return { modelId: id, at: Date.now(), loadMs, wasLoaded, contextTokens, slotCount, cells: reports, skipped };
  }

  async #look(id: string, cacheTokens: number | null, signal: AbortSignal): Promise<Subject> {
    await using lease = await this.#parts.drover.acquire(id, { signal });
    const { baseUrl, headers } = lease;
    const client = new EngineClient({ baseUrl, apiKey: null, headers, name: id, timeoutMs: 30_000 });
    return readSubject(client, cacheTokens, signal);
  }

  async #cell(id: string, cell: BenchCell, subject: Subject, run: CellRun): Promise<CellReport> {
    const prompt = promptOf(cell.input, subject);
    const concurrency = cell.concurrency ?? subject.slotCount ?? 1;
    let needsWarmth = run.isFirst;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (needsWarmth) {
        run.told('warming_up', 0);
        // Of a prompt that is long the first time is the one that counts: some tokens are enough.
        await this.#ask(id, prompt, { ...cell, maxTokens: Math.min(cell.maxTokens, 8) }, run.signal);
      }
      const pid = this.#pid(id);
      const { measured, use } = await this.#watched(pid, () => this.#samples(id, prompt, cell, concurrency, run));
      // It was stopped and loaded again in between: nothing of that is a figure.
      if (pid === this.#pid(id)) return cellReport(cell, concurrency, measured, use);
      run.onNote?.(`${id} was loaded anew in between; what was measured does not count.`);
      needsWarmth = true;
    }
    throw new Fault('conflict', `${id} is stopped again and again, so that it cannot be measured.`, {
      hint: 'Pin it meanwhile: "drover pin".',
    });
  }

  async #watched<T>(pid: number | null, work: () => Promise<T>): Promise<{ measured: T; use: ResourceUse }> {
    if (pid === null) return { measured: await work(), use: UNKNOWN_USE };
    using watch = this.#parts.watch();
    await watch.start([pid]);
    const measured = await work();
    return { measured, use: useOf(await watch.stop()) };
  }

  async #samples(id: string, prompt: Prompt, cell: BenchCell, concurrency: number, run: CellRun): Promise<Samples> {
    // One that fails takes the others with it.
    const failed = new AbortController();
    const signal = AbortSignal.any([run.signal, failed.signal]);
    const together = async (work: () => Promise<void>): Promise<void> => {
      const all = Array.from({ length: concurrency }, () =>
        work().catch((thrown: unknown) => {
          failed.abort(thrown);
          throw thrown;
        }),
      );
      await Promise.allSettled(all);
      run.signal.throwIfAborted();
      if (failed.signal.aborted) throw failed.signal.reason;
    };
    const samples: BenchSample[] = [];
    const one = async (): Promise<void> => void samples.push(await this.#ask(id, prompt, cell, signal));
    const { until } = cell;
    let elapsedMs = 0;
    const timed = async (work: () => Promise<void>): Promise<void> => {
      const began = performance.now();
      await together(work);
      elapsedMs += performance.now() - began;
    };
    run.told('measuring', 0);
    if ('runs' in until) {
      for (let done = 0; done < until.runs; done += 1) {
        await timed(one);
        run.told('measuring', (done + 1) / until.runs);
        const last = samples.at(-1);
        if (last !== undefined) run.onNote?.(`Run ${done + 1} of ${until.runs}: ${sampleText(last)}`);
      }
    } else {
      const began = performance.now();
      await timed(async () => {
        // What has begun is measured to its end.
        while (performance.now() - began < until.durationMs) {
          await one();
          run.told('measuring', Math.min(1, (performance.now() - began) / until.durationMs));
        }
      });
    }
    return { samples, elapsedMs };
  }

  #ask(id: string, prompt: Prompt, cell: Pick<BenchCell, 'maxTokens' | 'temperature'>, signal: AbortSignal) {
    return sample(this.#parts.drover, id, prompt, cell, { signal });
  }

  #pid(id: string): number | null {
    return this.#parts.drover.model(id).instance?.pid ?? null;
  }
}

/** Of thousands of steps each thousandth is told. */
function thinned(onProgress: BenchOptions['onProgress']): BenchOptions['onProgress'] {
  let last = '';
  return (progress) => {
    const step = `${progress.stage} ${Math.floor(progress.ratio * 1000)}`;
    if (step === last) return;
    last = step;
    onProgress?.(progress);
  };
}

interface Samples {
  readonly samples: readonly BenchSample[];
  readonly elapsedMs: number;
}

interface CellRun extends BenchOptions {
  readonly told: (stage: BenchProgress['stage'], done: number) => void;
  readonly isFirst: boolean;
}

const lengthOf = ({ input }: BenchCell): number | null => ('count' in input ? input.count : null);

const nothingLeft = (id: string, reason: string | undefined): Fault =>
  new Fault('bad_request', `${id} cannot be measured so: ${reason ?? 'there is nothing to measure.'}`, {
    hint: 'Ask for shorter prompts, or give the model more context.',
  });

const msText = (milliseconds: number): string =>
  milliseconds < 1000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;

function sampleText({ promptTokens, generatedTokens, engineMs, firstPieceMs, tokensPerSecond }: BenchSample): string {
  const parts = [
    `${promptTokens ?? 'unknown'} tokens read`,
    generatedTokens === null ? null : `${generatedTokens} generated`,
    `in ${msText(engineMs)}`,
    firstPieceMs === null ? null : `the first after ${msText(firstPieceMs)}`,
    tokensPerSecond === null ? null : `${tokensPerSecond.toFixed(1)} tokens/s`,
  ];
  return `${parts.filter((part) => part !== null).join(', ')}.`;
}
