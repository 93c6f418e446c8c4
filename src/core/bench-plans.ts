// What a benchmark is to measure: plain plans, and the makers of those that have a name. Pure. It must never know an API's
// words for them.
import type { ChatMessage } from './generation.ts';

/** What is sent: so many tokens of plain text, a text or a conversation as it is, or texts to make vectors of. */
export type BenchInput =
  | { readonly kind: 'tokens'; readonly count: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'chat'; readonly messages: readonly ChatMessage[] }
  | { readonly kind: 'embedding'; readonly count: number };

/** One row of a benchmark: the same request again and again. */
export interface BenchCell {
  readonly input: BenchInput;
  /** Generated in each request, whether or not the model would end before; 0 of an embedding. */
  readonly maxTokens: number;
  readonly temperature: number;
  /** At the same time; null: as many as the engine has slots. */
  readonly concurrency: number | null;
  /** So many times, each time with all that are at the same time; or for so long. */
  readonly until: { readonly runs: number } | { readonly durationMs: number };
}

export interface BenchPlan {
  /** Id or alias; null: the only or default model. */
  readonly model: string | null;
  readonly cells: readonly BenchCell[];
}

/** What tests ask where nobody says what. */
const QUESTION: readonly ChatMessage[] = [
  { role: 'user', content: 'Explain in a few sentences how the water of a river comes back to its source.' },
];

/** Prompt and answer of a test where nobody says how long. */
const TEST_TOKENS = 128;

export interface LatencyWishes {
  /** Default 5. */
  readonly runs?: number | undefined;
  /** Default: plain text of 128 tokens. */
  readonly prompt?: string | undefined;
  /** Default 50. */
  readonly maxTokens?: number | undefined;
  /** Default 0. */
  readonly temperature?: number | undefined;
}

const given = ({ prompt }: LatencyWishes): BenchInput =>
  prompt === undefined ? { kind: 'tokens', count: TEST_TOKENS } : { kind: 'text', text: prompt };
const usual = ({ maxTokens = 50, temperature = 0 }: LatencyWishes) => ({ maxTokens, temperature });

export const latencyPlan = (model: string | null, wishes: LatencyWishes = {}): BenchPlan => ({
  model,
  cells: [{ input: given(wishes), ...usual(wishes), concurrency: 1, until: { runs: wishes.runs ?? 5 } }],
});

export interface ThroughputWishes extends Omit<LatencyWishes, 'runs'> {
  /** Default 60 000. */
  readonly durationMs?: number | undefined;
  /** Default: as many as the engine has slots. */
  readonly concurrency?: number | undefined;
}

export const throughputPlan = (model: string | null, wishes: ThroughputWishes = {}): BenchPlan => ({
  model,
  cells: [
    {
      input: given(wishes),
      ...usual(wishes),
      concurrency: wishes.concurrency ?? null,
      until: { durationMs: wishes.durationMs ?? 60_000 },
    },
  ],
});

/** Prompts of 10, 100 and 1000 tokens. */
export const comprehensivePlan = (model: string | null, wishes: Omit<LatencyWishes, 'prompt'> = {}): BenchPlan => ({
  model,
  cells: [10, 100, 1000].map((count) => ({
    input: { kind: 'tokens', count },
    ...usual(wishes),
    concurrency: 1,
    until: { runs: wishes.runs ?? 5 },
  })),
});

export interface TableWishes {
  /** Default 128, 512, 2048. */
  readonly promptLengths?: readonly number[] | undefined;
  /** Default 1, 4. */
  readonly concurrencies?: readonly number[] | undefined;
  /** Generated in each request; default 64. */
  readonly tokens?: number | undefined;
  /** Default 3. */
  readonly runs?: number | undefined;
}

/** Each length with each number of requests at the same time. */
export const tablePlan = (model: string | null, wishes: TableWishes = {}): BenchPlan => ({
  model,
  cells: (wishes.promptLengths ?? [128, 512, 2048]).flatMap((count) =>
    (wishes.concurrencies ?? [1, 4]).map((concurrency) => ({
      input: { kind: 'tokens', count },
      maxTokens: wishes.tokens ?? 64,
      temperature: 0,
      concurrency,
      until: { runs: wishes.runs ?? 3 },
    })),
  ),
});

/** Kinds of tests in a session. */
export const TEST_KINDS = ['completion', 'chat', 'embedding'] as const;
export type TestKind = (typeof TEST_KINDS)[number];

export function testPlan(model: string | null, kind: TestKind, runs: number): BenchPlan {
  const tokens = { kind: kind === 'embedding' ? 'embedding' : 'tokens', count: TEST_TOKENS } as const;
  const input: BenchInput = kind === 'chat' ? { kind: 'chat', messages: QUESTION } : tokens;
  const maxTokens = kind === 'embedding' ? 0 : TEST_TOKENS;
  return { model, cells: [{ input, maxTokens, temperature: 0, concurrency: 1, until: { runs } }] };
}
