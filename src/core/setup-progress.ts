// How far the making of a configuration has come, told as it goes and kept for those who ask later. One at a time.
import type { Bus } from '../base/bus.ts';
import { Fault } from '../base/fault.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface SetupState {
  readonly stage: 'idle' | 'scanning' | 'generating' | 'saving' | 'finished' | 'failed';
  /** For people: `Reading /data/models`. */
  readonly step: string;
  readonly modelId: string | null;
  readonly doneCount: number;
  readonly totalCount: number;
  /** 0–1 over all stages. */
  readonly ratio: number;
  readonly failure: string | null;
  /** Epoch milliseconds; null before the first one. */
  readonly startedAt: number | null;
  readonly updatedAt: number | null;
}

const IDLE: SetupState = {
  stage: 'idle',
  step: '',
  modelId: null,
  doneCount: 0,
  totalCount: 0,
  ratio: 0,
  failure: null,
  startedAt: null,
  updatedAt: null,
};

/** Readers of a feed need no more. */
const TELL_EVERY_MS = 50;

export class SetupProgress {
  readonly #bus: Bus<DroverEvent>;
  #state = IDLE;
  #isRunning = false;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(bus: Bus<DroverEvent>) {
    this.#bus = bus;
  }

  get state(): SetupState {
    return this.#state;
  }

  /** Runs one job; throws `conflict` while another one runs. */
  async run<T>(work: (advance: (step: Partial<SetupState>) => void) => Promise<T>): Promise<T> {
    if (this.#isRunning) {
      throw new Fault('conflict', 'A configuration is being made already.', { hint: 'Wait until it is finished.' });
    }
    this.#isRunning = true;
    this.#tell({ ...IDLE, stage: 'scanning', startedAt: Date.now() }, true);
    try {
      const result = await work((step) => {
        const isNews = step.stage !== undefined && step.stage !== this.#state.stage;
        this.#tell({ ...this.#state, ...step }, isNews);
      });
      this.#tell({ ...this.#state, stage: 'finished', step: 'Finished', modelId: null, ratio: 1 }, true);
      return result;
    } catch (thrown) {
      const failure = thrown instanceof Error ? thrown.message : String(thrown);
      this.#tell({ ...this.#state, stage: 'failed', step: 'Failed', modelId: null, failure }, true);
      throw thrown;
    } finally {
      this.#isRunning = false;
    }
  }

  #tell(state: SetupState, isNews: boolean): void {
    this.#state = { ...state, updatedAt: Date.now() };
    if (!isNews && performance.now() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = performance.now();
    this.#bus.emit({ type: 'setup.progress', setup: this.#state });
  }
}
