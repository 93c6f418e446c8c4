// Typed questions to a ready engine: health, properties, slots, metrics, tokens. Every one has a deadline and a bound on
// the answer's size. It must never relay a user's request: that is the relay's, byte by byte.
import { Fault } from '../base/fault.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:40123`, no trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  /** Sent with every question; for who has a lease rather than a key. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The model's name, for errors. */
  readonly name?: string;
  /** Per question. */
  readonly timeoutMs?: number;
}

/** What `/props` says that we use; what an older build does not say is null. */
export interface EngineProps {
  readonly buildInfo: string | null;
  readonly modelPath: string | null;
  readonly modelAlias: string | null;
  readonly slotCount: number | null;
  /** Context of one slot, in tokens. */
  readonly contextTokens: number | null;
  readonly chatTemplate: string | null;
  readonly hasVision: boolean;
  readonly hasAudio: boolean;
  readonly isSleeping: boolean;
}

export interface EngineSlot {
  readonly id: number;
  readonly contextTokens: number | null;
  readonly isProcessing: boolean;
}

const ANSWER_LIMIT_BYTES = 32 * 1024 * 1024;

export class EngineClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** True when it answers and its model is loaded; never rejects but by the signal. */
  async isHealthy(signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#ask('/health', null, signal);
      return true;
    } catch (thrown) {
      signal?.throwIfAborted();
      if (thrown instanceof Fault) return false;
      throw thrown;
    }
  }

  async props(signal?: AbortSignal): Promise<EngineProps> {
    const props = record(parse(await this.#ask('/props', null, signal)));
    const modalities = record(props.modalities);
    return {
      buildInfo: textOf(props.build_info),
      modelPath: textOf(props.model_path),
      modelAlias: textOf(props.model_alias),
      slotCount: countOf(props.total_slots),
      contextTokens: countOf(record(props.default_generation_settings).n_ctx),
      chatTemplate: textOf(props.chat_template),
      hasVision: modalities.vision === true,
      hasAudio: modalities.audio === true,
      isSleeping: props.is_sleeping === true,
    };
  }

  async slots(signal?: AbortSignal): Promise<readonly EngineSlot[]> {
    const slots = parse(await this.#ask('/slots', null, signal));
    if (!Array.isArray(slots)) throw this.#fault('answered /slots with something else');
    return slots.map((value: unknown, index) => {
      const slot = record(value);
      return {
        id: countOf(slot.id) ?? index,
        contextTokens: countOf(slot.n_ctx),
        isProcessing: slot.is_processing === true,
      };
    });
  }

  /** Forgets what a slot remembers; resolves with the number of tokens. Most are started so that it is `not_supported`. */
  async eraseSlot(id: number, signal?: AbortSignal): Promise<number> {
    const answer = record(parse(await this.#ask(`/slots/${id}?action=erase`, {}, signal)));
    return countOf(answer.n_erased) ?? 0;
  }

  /** Prometheus text; a build started without `--metrics` answers `not_supported`. */
  async metrics(signal?: AbortSignal): Promise<string> {
    return this.#ask('/metrics', null, signal);
  }

  /** Token ids of a text, without special tokens unless asked for. */
  async tokenize(
    content: string,
    options: { readonly addSpecial?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<readonly number[]> {
    const body = { content, add_special: options.addSpecial ?? false };
    const { tokens } = record(parse(await this.#ask('/tokenize', body, options.signal)));
    if (!Array.isArray(tokens)) throw this.#fault('answered /tokenize with something else');
    return tokens.filter((token): token is number => typeof token === 'number');
  }

  async #ask(path: string, body: unknown, signal: AbortSignal | undefined): Promise<string> {
    const { baseUrl, apiKey, headers, timeoutMs = 5000 } = this.#options;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(baseUrl + path, {
        method: body === null ? 'GET' : 'POST',
        headers: {
          ...headers,
          ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
          ...(body === null ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === null ? {} : { body: JSON.stringify(body) }),
        redirect: 'manual',
        // An HTTP_PROXY of the user's is not for loopback.
        proxy: false,
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      const text = await this.#readBounded(response);
      if (response.ok) return text;
      throw this.#refusal(path, response.status, text);
    } catch (thrown) {
      if (thrown instanceof Fault) throw thrown;
      signal?.throwIfAborted();
      if (deadline.aborted) throw this.#fault(`did not answer ${path} within ${timeoutMs} ms`);
      throw this.#fault(`did not answer ${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }

  async #readBounded(response: Response): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    let size = 0;
    if (response.body === null) return '';
    for await (const chunk of response.body) {
      size += chunk.length;
      if (size > ANSWER_LIMIT_BYTES) throw this.#fault(`answered with more than ${ANSWER_LIMIT_BYTES} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  }

  #refusal(path: string, status: number, text: string): Fault {
    const { message } = record(record(parseQuietly(text)).error);
    const why = `answered ${path} with ${status}${typeof message === 'string' ? `: ${message}` : ''}`;
    if (status === 501) return new Fault('not_supported', `The engine ${why}`, { blame: 'engine' });
    if (status === 503) return new Fault('unavailable', `The engine ${why}`, { blame: 'engine' });
    return this.#fault(why);
  }

  #fault(what: string): Fault {
    const { name } = this.#options;
    return new Fault('bad_gateway', `The engine${name === undefined ? '' : ` of ${name}`} ${what}.`);
  }
}

function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function parse(text: string): unknown {
  const value = parseQuietly(text);
  if (value === null) throw new Fault('bad_gateway', 'The engine answered with something that is not JSON.');
  return value;
}

type Loose = Readonly<Record<string, unknown>>;
const record = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const countOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
