// What is sent to measure a model: plain text as the model's own tokenizer sees it, so that a length is what it says. It must
// never guess a length where the engine can count it.
import { Fault } from '../base/fault.ts';
import type { EngineClient } from '../engine/client.ts';
import type { BenchCell, BenchInput } from './bench-plans.ts';
import type { ChatMessage } from './generation.ts';

/** The engine as the one who asks knows it. */
export interface Subject {
  /** Null of another server than llama-server: nothing is known of it. */
  readonly tokenizer: Tokenizer | null;
  /** Of one request. */
  readonly contextTokens: number | null;
  /** Of all requests at the same time. */
  readonly cacheTokens: number | null;
  readonly slotCount: number | null;
}

export interface Tokenizer {
  /** What stands before every text, and behind one whose meaning is asked for. */
  readonly start: readonly number[];
  readonly end: readonly number[];
  /** Of the sample text. */
  readonly body: readonly number[];
}

export type Prompt =
  | { readonly kind: 'generation'; readonly input: string | readonly number[] | readonly ChatMessage[] }
  | { readonly kind: 'embedding'; readonly content: string | readonly number[] };

const SAMPLE =
  'The river comes down from the mountain and goes through the old town. In the light of day the people walk along its ' +
  'water, read, talk about the world and look at the boats. A man who had lived there all his life said that it never ' +
  'was the same river twice, and that this was a good thing: what goes away makes a place for what is to come. When it ' +
  'rains for many days the water is high, and then the men and women of the town put sand and stone where the land is low. ';
const WORDS = SAMPLE.trim().split(' ');

/** Asks the engine what it is; null for what it does not say, as other servers than llama-server do not. */
export async function readSubject(
  client: EngineClient,
  cacheTokens: number | null,
  signal: AbortSignal,
): Promise<Subject> {
  try {
    const props = await client.props(signal);
    const [plain, whole] = await Promise.all([
      client.tokenize(SAMPLE, { signal }),
      client.tokenize(SAMPLE, { addSpecial: true, signal }),
    ]);
    const marks = whole.length - plain.length;
    const start = marks > 0 && whole[0] !== plain[0] ? whole.slice(0, 1) : [];
    const end = marks > start.length ? whole.slice(plain.length + start.length) : [];
    return {
      tokenizer: plain.length === 0 ? null : { start, end, body: plain },
      contextTokens: props.contextTokens,
      cacheTokens: cacheTokens ?? props.contextTokens,
      slotCount: props.slotCount,
    };
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Fault) return { tokenizer: null, contextTokens: null, cacheTokens: null, slotCount: null };
    throw thrown;
  }
}

export function promptOf(input: BenchInput, subject: Subject): Prompt {
  if (input.kind === 'text') return { kind: 'generation', input: input.text };
  if (input.kind === 'chat') return { kind: 'generation', input: input.messages };
  const content = contentOf(input.count, subject.tokenizer, input.kind === 'embedding');
  return input.kind === 'embedding' ? { kind: 'embedding', content } : { kind: 'generation', input: content };
}

/** Exactly so many tokens; so many words where nobody counts tokens. */
function contentOf(count: number, tokenizer: Tokenizer | null, isWhole: boolean): string | readonly number[] {
  if (tokenizer === null) return Array.from({ length: count }, (_, at) => WORDS[at % WORDS.length]).join(' ');
  const { start, body } = tokenizer;
  const end = isWhole ? tokenizer.end : [];
  const length = Math.max(1, count - start.length - end.length);
  const inside = Array.from({ length }, (_, at) => body[at % body.length] ?? 0);
  return [...start, ...inside, ...end].slice(0, count);
}

/** Why it cannot be asked; null where it can. */
export function obstacleOf(cell: BenchCell, { contextTokens, cacheTokens, slotCount }: Subject): string | null {
  const { input, maxTokens } = cell;
  if (!('count' in input)) return null;
  const needed = input.count + maxTokens;
  const what = `${input.count} tokens of prompt and ${maxTokens} to generate do`;
  if (contextTokens !== null && needed > contextTokens) return `${what} not fit into a context of ${contextTokens}.`;
  const concurrency = Math.min(cell.concurrency ?? Number.POSITIVE_INFINITY, slotCount ?? 1);
  if (cacheTokens === null || needed * concurrency <= cacheTokens) return null;
  return `${what} not fit ${concurrency} times into a cache of ${cacheTokens}.`;
}
