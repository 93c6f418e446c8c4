// Asks a ready engine to generate and hands the pieces on as they come: for callers whose own API is not the engine's. It
// must never gather what a caller has not asked for, nor go on when its signal has aborted.
import { Fault } from '../base/fault.ts';

/** Where to ask, and how. */
export interface GenerationTarget {
  /** `http://127.0.0.1:40123`, no trailing slash. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What came: text, thinking, or what the engine counted at the end. */
export type EnginePiece =
  | { readonly kind: 'text' | 'reasoning'; readonly text: string }
  | { readonly kind: 'end'; readonly finishReason: string | null; readonly counts: EngineCounts };

/** As the engine says it; null where it does not. */
export interface EngineCounts {
  /** All tokens of the prompt, cached ones among them. */
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly generatedTokens: number | null;
  readonly promptMs: number | null;
  readonly generationMs: number | null;
}

export const NO_COUNTS: EngineCounts = {
  promptTokens: null,
  cachedTokens: null,
  generatedTokens: null,
  promptMs: null,
  generationMs: null,
};

/** One event of a stream is never longer; what is, is no event. */
const LINE_LIMIT = 4 * 1024 * 1024;
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;

type Loose = Readonly<Record<string, unknown>>;

/**
 * Sends `body` to a streaming route of OpenAI's (`/v1/chat/completions`, `/v1/completions`) and gives its pieces; the last
 * one is the end. Faults: `bad_request` where the engine refuses the request, `not_supported`, `bad_gateway` where it fails
 * or breaks off; else the signal's reason.
 */
export async function* generate(
  target: GenerationTarget,
  path: string,
  body: Loose,
  signal: AbortSignal,
): AsyncGenerator<EnginePiece, void, void> {
  const request = { ...body, stream: true, stream_options: { include_usage: true } };
  const response = await post(target, path, request, signal);
  let finishReason: string | null = null;
  let counts = NO_COUNTS;
  let isDone = false;
  for await (const data of sseData(response, signal)) {
    if (data === '[DONE]') {
      isDone = true;
      break;
    }
    const frame = parsed(data);
    if (frame.error !== undefined) throw engineFault(200, record(frame.error));
    const choice = record(listOf(frame.choices)[0]);
    const delta = record(choice.delta);
    const reasoning = textOf(delta.reasoning_content) ?? textOf(delta.reasoning);
    if (reasoning !== null) yield { kind: 'reasoning', text: reasoning };
    const text = textOf(delta.content) ?? textOf(choice.text);
    if (text !== null) yield { kind: 'text', text };
    finishReason = textOf(choice.finish_reason) ?? finishReason;
    counts = countsOf(frame, counts);
  }
  if (!isDone && finishReason === null) throw brokenOff();
  yield { kind: 'end', finishReason, counts };
}

export interface Embedded {
  readonly vectors: readonly (readonly number[])[];
  readonly promptTokens: number | null;
}

/** `/v1/embeddings`. Faults as above. */
export async function embed(target: GenerationTarget, body: Loose, signal: AbortSignal): Promise<Embedded> {
  const response = await post(target, '/v1/embeddings', body, signal);
  const answer = parsed(await bounded(response));
  const vectors = listOf(answer.data).map((entry) =>
    listOf(record(entry).embedding).filter((value): value is number => typeof value === 'number'),
  );
  return { vectors, promptTokens: countOf(record(answer.usage).prompt_tokens) };
}

async function post(target: GenerationTarget, path: string, body: Loose, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(target.baseUrl + path, {
      method: 'POST',
      headers: { ...target.headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
      // The engine closes a kept connection when it likes, which would fail the request that is just sent on it.
      keepalive: false,
      // An HTTP_PROXY of the user's is not for loopback.
      proxy: false,
      // A kept connection may be one that the engine is about to close, and a request on it is lost (5 of 1500).
      keepalive: false,
      signal,
    });
  } catch (thrown) {
    signal.throwIfAborted();
    throw new Fault('bad_gateway', `The engine did not answer ${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
  if (response.ok) return response;
  const answer = quietlyParsed(await bounded(response));
  throw engineFault(response.status, record(answer.error));
}

/** The engine's own refusal: of the request, or because it cannot. */
function engineFault(status: number, error: Loose): Fault {
  const code = typeof error.code === 'number' ? error.code : status;
  const said = textOf(error.message) ?? `it answered with status ${status}`;
  const message = `The engine says: ${said}`;
  if (code === 501 || textOf(error.type) === 'not_supported_error') {
    return new Fault('not_supported', message, { blame: 'engine' });
  }
  if (code === 503) return new Fault('unavailable', message, { blame: 'engine' });
  if (code >= 400 && code < 500) return new Fault('bad_request', message, { blame: 'engine' });
  return new Fault('bad_gateway', message);
}

const brokenOff = (): Fault =>
  new Fault('bad_gateway', 'The engine broke its answer off.', { hint: 'Its last lines are in the log.' });

/** The `data:` lines of an event stream, one text each. llama-server and its like write one line per event. */
async function* sseData(response: Response, signal: AbortSignal): AsyncGenerator<string, void, void> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of response.body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_LIMIT) throw new Fault('bad_gateway', 'The engine sent a line without end.');
      for (const line of lines) {
        if (line.startsWith('data:')) yield line.slice(5).trim();
        // llama-server's way to say that it failed in the middle.
        else if (line.startsWith('error:')) yield `{"error":${line.slice(6).trim() || '{}'}}`;
      }
    }
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Fault) throw thrown;
    throw new Fault('bad_gateway', `The engine broke its answer off: ${messageOf(thrown)}`, { cause: thrown });
  }
  signal.throwIfAborted();
}

/** llama.cpp's `timings` and OpenAI's `usage`; a later frame adds to an earlier one. */
function countsOf(frame: Loose, before: EngineCounts): EngineCounts {
  if (frame.timings === undefined && frame.usage === undefined) return before;
  const timings = record(frame.timings);
  const usage = record(frame.usage);
  const processed = countOf(timings.prompt_n);
  const cached = countOf(timings.cache_n) ?? countOf(record(usage.prompt_tokens_details).cached_tokens);
  return {
    promptTokens:
      countOf(usage.prompt_tokens) ?? before.promptTokens ?? (processed === null ? null : processed + (cached ?? 0)),
    cachedTokens: cached ?? before.cachedTokens,
    generatedTokens: countOf(usage.completion_tokens) ?? countOf(timings.predicted_n) ?? before.generatedTokens,
    promptMs: countOf(timings.prompt_ms) ?? before.promptMs,
    generationMs: countOf(timings.predicted_ms) ?? before.generationMs,
  };
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  if (response.body === null) return '';
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES) throw new Fault('bad_gateway', 'The engine answered with too much.');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function quietlyParsed(text: string): Loose {
  try {
    return record(JSON.parse(text));
  } catch {
    return {};
  }
}

function parsed(text: string): Loose {
  try {
    return record(JSON.parse(text));
  } catch {
    throw new Fault('bad_gateway', 'The engine answered with something that is not JSON.');
  }
}

const record = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const countOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
