// Which models to get first on this machine: of a short list those that may fit, each with the quantization that does, as
// the hub tells their sizes. It must never wait long for a hub, nor say a size that nobody told.
import { Fault, toFault } from '../base/fault.ts';
import type { Budget } from './budget.ts';
import type { QuantOffer, RepositoryOffer } from './download-desk.ts';
import { LISTED_MODELS, type ListedModel } from './recommended-list.ts';

export interface RecommendedModel extends ListedModel {
  /** The quantization to take, as the hub has it; null where the hub was not reached, or nothing of it fits. */
  readonly offer: QuantOffer | null;
  /** Why that one, or why none. */
  readonly reason: string | null;
}

export interface RecommendedModels {
  /** What to take first comes first. */
  readonly models: readonly RecommendedModel[];
  /** Why there are no sizes; null where the hub answered. */
  readonly failure: { readonly kind: string; readonly message: string; readonly hint: string | null } | null;
}

export interface RecommendedOptions {
  readonly offer: (repository: string, options: { readonly signal: AbortSignal }) => Promise<RepositoryOffer>;
  readonly budget: () => Promise<Budget>;
  readonly isOffline: () => boolean;
  readonly list?: readonly ListedModel[];
  readonly patienceMs?: number;
}

/** So many are asked for: a first choice is no catalogue. */
const MOST = 5;
const PATIENCE_MS = 12_000;
/** Repositories change seldom; what fits is worked out anew where the memory has changed. */
const FRESH_MS = 10 * 60_000;
/** With the quantization that most people take, somewhat more than half a byte a weight; only to leave out what is far off. */
const LEAST_BYTES_PER_WEIGHT = 0.52;
/** Without a GPU a larger one is slower than people read. */
const QUICK_ON_CPU = 5e9;

export class Recommended {
  readonly #options: RecommendedOptions;
  readonly #known = new Map<
    string,
    { readonly at: number; readonly memory: number; readonly offer: RepositoryOffer }
  >();

  constructor(options: RecommendedOptions) {
    this.#options = options;
  }

  async forThisMachine(signal?: AbortSignal): Promise<RecommendedModels> {
    const { list = LISTED_MODELS, patienceMs = PATIENCE_MS, isOffline } = this.#options;
    const budget = await this.#options.budget();
    signal?.throwIfAborted();
    const likely = likelyOf(list, budget);
    if (isOffline()) return unasked(likely, new Fault('offline', 'Drover is told to stay offline.', { hint: OFFLINE }));
    const until = new AbortController();
    const leave = (): void => until.abort();
    const timer = setTimeout(leave, patienceMs);
    signal?.addEventListener('abort', leave, { once: true });
    const asking = likely.map((listed) => this.#ask(listed, memoryOf(budget), until.signal));
    const asked = await Promise.all(asking).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    });
    signal?.throwIfAborted();
    const answered = asked.filter(({ fault }) => fault === null);
    const [firstFailed] = asked.flatMap(({ fault }) => fault ?? []);
    if (answered.length === 0 && firstFailed !== undefined) return unasked(likely, firstFailed);
    const usable = answered.flatMap(({ model }) => (model.offer === null ? [] : [model]));
    return { models: usable.toSorted((left, right) => rankOf(right) - rankOf(left)), failure: null };
  }

  async #ask(listed: ListedModel, memory: number, signal: AbortSignal) {
    try {
      const offer = await this.#offer(listed.repository, memory, signal);
      const chosen = offer.quants.find(({ tag }) => tag === offer.recommended) ?? null;
      return { model: { ...listed, offer: chosen, reason: offer.reason }, fault: null };
    } catch (thrown) {
      const fault = signal.aborted
        ? new Fault('timeout', 'The hub does not answer in time.', { blame: 'remote', hint: UNREACHED })
        : toFault(thrown, 'offline');
      return { model: { ...listed, offer: null, reason: fault.message }, fault };
    }
  }

  async #offer(repository: string, memory: number, signal: AbortSignal): Promise<RepositoryOffer> {
    const known = this.#known.get(repository);
    if (known !== undefined && known.memory === memory && Date.now() - known.at < FRESH_MS) return known.offer;
    const offer = await this.#options.offer(repository, { signal });
    this.#known.set(repository, { at: Date.now(), memory, offer });
    return offer;
  }
}

const OFFLINE = 'Put GGUF files into a folder and name it, or start without --offline.';
const UNREACHED = 'Check the connection, then try again; models that are on this machine already need none.';

/** What models may take together, to a tenth of a GiB: it moves all the time. */
const memoryOf = ({ devices, host }: Budget): number =>
  Math.round(
    devices.reduce((sum, { isUnified, budgetBytes }) => sum + (isUnified ? 0 : budgetBytes), host.budgetBytes) / 1e8,
  );

/** Those that may fit, the largest of them; without a GPU those that are quick enough. */
export function likelyOf(list: readonly ListedModel[], budget: Budget): readonly ListedModel[] {
  const onGpu = Math.max(0, ...devicesOf(budget));
  const roomBytes = onGpu > 0 ? devicesOf(budget).reduce((sum, bytes) => sum + bytes, 0) : budget.host.budgetBytes;
  const fitting = list.filter(({ parameterCount, activeParameterCount }) => {
    const isSparse = activeParameterCount < parameterCount / 2;
    // Of a sparse one the experts may stay in main memory.
    const bytes = isSparse ? roomBytes + (onGpu > 0 ? budget.host.budgetBytes : 0) : roomBytes;
    return parameterCount * LEAST_BYTES_PER_WEIGHT <= bytes && (onGpu > 0 || activeParameterCount <= QUICK_ON_CPU);
  });
  const [smallest] = list;
  if (fitting.length === 0) return smallest === undefined ? [] : [smallest];
  return fitting.slice(-MOST).toReversed();
}

const devicesOf = ({ devices }: Budget): number[] => devices.map(({ budgetBytes }) => budgetBytes);

/** Whole on the device before partly, then by what it knows. */
const rankOf = ({ offer, parameterCount }: RecommendedModel): number =>
  (offer?.fit === 'fits' ? 1e15 : 0) + parameterCount;

const unasked = (likely: readonly ListedModel[], fault: Fault): RecommendedModels => ({
  models: likely.map((listed) => ({ ...listed, offer: null, reason: null })),
  failure: { kind: fault.kind, message: fault.message, hint: fault.hint ?? null },
});
