// One prompt, or several, answered by the model that is meant: with every default sent, within a time, for as long as the
// caller stays. It must never go on past any of these.
import { Fault, toFault } from '../base/fault.ts';
import type { ActiveModel } from './active-model.ts';
import type { Drover, ModelView } from './drover.ts';
import { type Generated, type GenerationPiece, type GenerationRequest, generating } from './generation.ts';
import { choiceOf, type GenerationDefaults, type SamplingChoice } from './generation-defaults.ts';

export interface Prompt {
  readonly text: string;
  /** Null: whichever is meant. */
  readonly model: string | null;
  readonly sampling: SamplingChoice;
  readonly seed?: number | undefined;
  readonly topK?: number | undefined;
  readonly stop?: readonly string[] | undefined;
}

export interface PromptAnswer extends Generated {
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** From the request to the end, waiting included. */
  readonly tookMs: number;
}

/** What became of one of several prompts. */
export type PromptOutcome = { readonly answer: PromptAnswer } | { readonly fault: Fault };

export interface PromptingOptions {
  readonly drover: Pick<Drover, 'acquire' | 'facts'>;
  readonly active: ActiveModel;
  readonly defaults: GenerationDefaults;
}

/** So many of several prompts are asked at once; engines have about as many slots. */
const AT_ONCE = 4;

export class Prompting {
  readonly #options: PromptingOptions;

  constructor(options: PromptingOptions) {
    this.#options = options;
  }

  /**
   * Pieces as they come, then the whole. Faults: `not_found`; `timeout`; `unavailable` where the model could not be loaded;
   * `unprocessable` where it cannot do that; `bad_request` where the engine refuses; `bad_gateway` where it fails.
   */
  async *pieces(prompt: Prompt, caller: AbortSignal): AsyncGenerator<GenerationPiece, PromptAnswer, void> {
    using deadline = new Deadline(caller, this.#options.defaults.system.llamahomeTimeout * 1000);
    return yield* this.#run(prompt, deadline);
  }

  /** The whole only. */
  async answer(prompt: Prompt, caller: AbortSignal): Promise<PromptAnswer> {
    return whole(this.pieces(prompt, caller));
  }

  /** Each in its place; they share one time. Throws only where none could be asked. */
  async answers(
    prompts: readonly Prompt[],
    caller: AbortSignal,
  ): Promise<{ readonly outcomes: readonly PromptOutcome[]; readonly tookMs: number }> {
    const began = performance.now();
    using deadline = new Deadline(caller, this.#options.defaults.system.llamahomeTimeout * 1000);
    for (const model of new Set(prompts.map((prompt) => prompt.model))) {
      requireSpeech(this.#options.active.meant(model));
    }
    const outcomes: PromptOutcome[] = [];
    const left = prompts.entries();
    const work = async (): Promise<void> => {
      for (const [index, prompt] of left) {
        outcomes[index] = await whole(this.#run(prompt, deadline)).then(
          (answer) => ({ answer }),
          (thrown: unknown) => ({ fault: toFault(thrown) }),
        );
        deadline.signal.throwIfAborted();
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, prompts.length) }, work));
    return { outcomes, tookMs: performance.now() - began };
  }

  async *#run(prompt: Prompt, deadline: Deadline): AsyncGenerator<GenerationPiece, PromptAnswer, void> {
    const createdAt = Date.now();
    const began = performance.now();
    const { active, defaults } = this.#options;
    const model = active.meant(prompt.model);
    requireSpeech(model);
    const request: GenerationRequest = {
      model: model.id,
      input: this.#hasTemplate(model.id) ? [{ role: 'user', content: prompt.text }] : prompt.text,
      ...defaults.samplingOf(model.id),
      ...choiceOf(prompt.sampling),
      seed: prompt.seed,
      topK: prompt.topK,
      stop: prompt.stop,
    };
    try {
      const answer = yield* generating(this.#loading(), request, { signal: deadline.signal });
      return { ...answer, createdAt, tookMs: performance.now() - began };
    } catch (thrown) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw engineFault(toFault(thrown));
    }
  }

  /** A text model without a template continues a text; all others are spoken to. */
  #hasTemplate(modelId: string): boolean {
    const facts = this.#options.drover.facts(modelId);
    return facts === null || facts.chatTemplate !== null;
  }

  /** What fails before the engine is asked is a failure to load. */
  #loading(): Pick<Drover, 'acquire'> {
    const { drover } = this.#options;
    return {
      acquire: async (name, options) => {
        try {
          return await drover.acquire(name, options);
        } catch (thrown) {
          options?.signal?.throwIfAborted();
          throw notLoaded(toFault(thrown), 'unavailable');
        }
      },
    };
  }
}

function requireSpeech({ id, kind }: Pick<ModelView, 'id' | 'kind'>): void {
  if (kind !== 'embedding' && kind !== 'reranker') return;
  throw new Fault('unprocessable', `${id} is of kind ${kind}: it does not answer prompts.`, {
    hint: 'Name a model that writes text.',
    details: { model: id },
  });
}

/** A model that does not come up, whatever the reason; what the caller did wrong stays that. */
export function notLoaded(fault: Fault, kind: 'unavailable' | 'bad_gateway'): Fault {
  const { message, hint, details, blame } = fault;
  if (['not_found', 'forbidden', 'bad_request', 'cancelled', 'unavailable', 'rate_limited'].includes(fault.kind)) {
    return fault;
  }
  return new Fault(kind, message, { hint, details, blame, cause: fault });
}

function engineFault(fault: Fault): Fault {
  const { message, hint, details, blame } = fault;
  if (fault.kind === 'not_supported')
    return new Fault('unprocessable', message, { hint, details, blame, cause: fault });
  return fault;
}

async function whole(pieces: AsyncGenerator<GenerationPiece, PromptAnswer, void>): Promise<PromptAnswer> {
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return value;
  }
}

/** Aborts when the caller leaves, or after a time with a `timeout`. */
class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(caller: AbortSignal, afterMs: number) {
    const late = new AbortController();
    this.signal = AbortSignal.any([caller, late.signal]);
    this.#timer = setTimeout(
      () =>
        late.abort(
          new Fault('timeout', `It took longer than ${afterMs / 1000} s.`, {
            hint: 'Ask for fewer tokens, or raise the limit.',
          }),
        ),
      afterMs,
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
