// What is sent to measure a model: plain text as the model's own tokenizer sees it, so that a length is what it says. It must
// never guess a length where the engine can count it.
import { Fault } from '../base/fault.ts';
import type { EngineClient } from '../engine/client.ts';
import type { BenchInput } from './bench-plans.ts';
import type { ChatMessage } from './generation.ts';

/** The engine as the one who asks knows it. */
export interface Subject {
  /** Null of another server than llama-server: nothing is known of it. */
  readonly tokenizer: Tokenizer | null;
  /** Of one request. */
  readonly contextTokens: number | null;
  readonly slotCount: number | null;
}

export interface Tokenizer {
  /** What stands before every text. */
  readonly start: readonly number[];
  /** Of the sample text. */
  readonly body: readonly number[];
}

export type Prompt =
  | { readonly kind: 'generation'; readonly input: string | readonly number[] | readonly ChatMessage[] }
  | { readonly kind: 'embedding'; readonly text: string };

const SAMPLE =
  'The river comes down from the mountain and goes through the old town. In the light of day the people walk along its ' +
  'water, read, talk about the world and look at the boats. A man who had lived there all his life said that it never ' +
  'was the same river twice, and that this was a good thing: what goes away makes a place for what is to come. When it ' +
  'rains for many days the water is high, and then the men and women of the town put sand and stone where the land is low. ';
const WORDS = SAMPLE.trim().split(' ');

/** Asks the engine what it is; null for what it does not say, as other servers than llama-server do not. */
export async function readSubject(client: EngineClient, signal: AbortSignal): Promise<Subject> {
  try {
    const props = await client.props(signal);
    const [plain, whole] = await Promise.all([
      client.tokenize(SAMPLE, { signal }),
      client.tokenize(SAMPLE, { addSpecial: true, signal }),
    ]);
    const [first] = whole;
    const hasStart = whole.length > plain.length && first !== undefined && first !== plain[0];
    return {
      tokenizer: plain.length === 0 ? null : { start: hasStart ? [first] : [], body: plain },
      contextTokens: props.contextTokens,
      slotCount: props.slotCount,
    };
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Fault) return { tokenizer: null, contextTokens: null, slotCount: null };
    throw thrown;
  }
}

export function promptOf(input: BenchInput, subject: Subject): Prompt {
  if (input.kind === 'text') return { kind: 'generation', input: input.text };
  if (input.kind === 'chat') return { kind: 'generation', input: input.messages };
  const { tokenizer } = subject;
  if (input.kind === 'embedding') return { kind: 'embedding', text: textOfAbout(input.count, tokenizer) };
  if (tokenizer === null) return { kind: 'generation', input: wordsOf(input.count) };
  const { start, body } = tokenizer;
  const tokens = Array.from({ length: input.count }, (_, at) =>
    at < start.length ? (start[at] ?? 0) : (body[(at - start.length) % body.length] ?? 0),
  );
  return { kind: 'generation', input: tokens };
}

/** Why a prompt of that length cannot be asked; null where it can. */
export function obstacleOf(input: BenchInput, maxTokens: number, { contextTokens }: Subject): string | null {
  if ((input.kind !== 'tokens' && input.kind !== 'embedding') || contextTokens === null) return null;
  const needed = input.count + maxTokens;
  if (needed <= contextTokens) return null;
  return `${input.count} tokens of prompt and ${maxTokens} to generate do not fit into a context of ${contextTokens}.`;
}

/** The engine's marks around a text take a few tokens of their own, so that it stays below. */
function textOfAbout(count: number, tokenizer: Tokenizer | null): string {
  const perWord = tokenizer === null ? 1 : tokenizer.body.length / WORDS.length;
  return wordsOf(Math.max(1, Math.floor((count - 2) / perWord)));
}

const wordsOf = (count: number): string => Array.from({ length: count }, (_, at) => WORDS[at % WORDS.length]).join(' ');
