// What a test session is made of: plain records, and how the store's rows become them. Pure.
import type { BenchPlan } from './bench-plans.ts';
import type { MachineFacts } from './machine-facts.ts';
import type { TestMetrics } from './test-metrics.ts';

export type SessionState = 'queued' | 'running' | 'completed' | 'failed';
export type TestState = 'pending' | 'running' | 'completed' | 'failed';

export interface TestRecord {
  readonly position: number;
  readonly modelId: string;
  readonly kind: string;
  readonly state: TestState;
  /** Why it failed; null unless it did. */
  readonly failure: string | null;
  /** Null until it is completed. */
  readonly metrics: TestMetrics | null;
  /** What happened, in sentences. */
  readonly notes: readonly string[];
  /** Epoch milliseconds, as the following; null: not yet. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

export interface TestSession {
  readonly id: string;
  /** Who asked for it, such as a dialect's id. */
  readonly owner: string;
  readonly name: string | null;
  readonly state: SessionState;
  readonly failure: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly hardware: MachineFacts;
  readonly tags: readonly string[];
  readonly tests: readonly TestRecord[];
}

export interface TestResult {
  readonly sessionId: string;
  readonly modelId: string;
  readonly kind: string;
  readonly hardware: MachineFacts;
  readonly metrics: TestMetrics;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface NewSession {
  readonly owner: string;
  readonly name: string | null;
  readonly tags: readonly string[];
  readonly hardware: MachineFacts;
  readonly tests: readonly { readonly modelId: string; readonly kind: string; readonly plan: BenchPlan }[];
}

export interface Page {
  readonly offset: number;
  readonly limit: number;
}

export interface Paged<T> {
  readonly items: readonly T[];
  /** Of all pages. */
  readonly total: number;
}

export interface SessionQuery extends Page {
  /** Found in id, name, models, kinds or tags, whatever the case. */
  readonly search: string | null;
  /** Sessions that carry each of them. */
  readonly tags: readonly string[];
}

export interface ResultQuery extends Page {
  readonly modelId: string | null;
  /** Found in the hardware, whatever the case. */
  readonly hardware: string | null;
  /** Epoch milliseconds, both included. */
  readonly from: number | null;
  readonly to: number | null;
}

export interface SessionRow {
  readonly id: string;
  readonly owner: string;
  readonly name: string | null;
  readonly state: string;
  readonly failure: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly hardware: string;
  readonly tags: string;
}

export interface TestRow {
  readonly session_id: string;
  readonly position: number;
  readonly model: string;
  readonly kind: string;
  readonly state: string;
  readonly failure: string | null;
  readonly metrics: string | null;
  readonly notes: string;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

export const sessionOf = (row: SessionRow, tests: readonly TestRow[]): TestSession => ({
  id: row.id,
  owner: row.owner,
  name: row.name,
  state: row.state as SessionState,
  failure: row.failure,
  createdAt: row.created_at,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  hardware: JSON.parse(row.hardware) as MachineFacts,
  tags: JSON.parse(row.tags) as string[],
  tests: tests.map(testOf),
});

const testOf = (row: TestRow): TestRecord => ({
  position: row.position,
  modelId: row.model,
  kind: row.kind,
  state: row.state as TestState,
  failure: row.failure,
  metrics: row.metrics === null ? null : (JSON.parse(row.metrics) as TestMetrics),
  notes: JSON.parse(row.notes) as string[],
  startedAt: row.started_at,
  finishedAt: row.finished_at,
});
