// Test sessions and what came of them, in the store: each test is written down as it ends, so that no end of ours loses one.
// It must never run a test, nor keep in memory what the store has.
import { randomBytes } from 'node:crypto';
import type { Migration, Store } from '../base/store.ts';
import type { BenchReport } from './bench.ts';
import type { BenchPlan } from './bench-plans.ts';
import { type MachineFacts, wordsOf } from './machine-facts.ts';
import type { TestMetrics } from './test-metrics.ts';
import {
  type NewSession,
  type Paged,
  type ResultQuery,
  type SessionQuery,
  type SessionRow,
  sessionOf,
  type TestResult,
  type TestRow,
  type TestSession,
} from './test-records.ts';

export const TEST_MIGRATION: Migration = {
  name: 'core/test-sessions',
  sql: `CREATE TABLE test_session (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT UNIQUE,
    state TEXT NOT NULL,
    failure TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    hardware TEXT NOT NULL,
    hardware_words TEXT NOT NULL,
    tags TEXT NOT NULL,
    words TEXT NOT NULL
  ) STRICT;
  CREATE TABLE test_case (
    session_id TEXT NOT NULL REFERENCES test_session (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    model TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    plan TEXT NOT NULL,
    metrics TEXT,
    report TEXT,
    notes TEXT NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    PRIMARY KEY (session_id, position)
  ) STRICT;
  CREATE INDEX test_case_finished ON test_case (finished_at);`,
};

const SESSION = 'id, owner, name, state, failure, created_at, started_at, finished_at, hardware, tags';
const TEST = 'session_id, position, model, kind, state, failure, metrics, notes, started_at, finished_at';

export class TestBook {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  add(session: NewSession): TestSession {
    const id = `run-${randomBytes(8).toString('hex')}`;
    const { database } = this.#store;
    database
      .transaction(() => {
        const { owner, name, tags, hardware, tests } = session;
        const models = tests.map(({ modelId }) => modelId);
        const words = [id, name ?? '', ...models, ...tests.map(({ kind }) => kind), ...tags];
        database
          .query(
            `INSERT INTO test_session (id, owner, name, state, created_at, hardware, hardware_words, tags, words)
             VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?)`,
          )
          .run(
            ...([id, owner, name, Date.now(), JSON.stringify(hardware), wordsOf(hardware)] as const),
            ...([JSON.stringify(tags.map(normal)), searchable([...new Set(words)].join('\n'))] as const),
          );
        const insert = database.query(
          `INSERT INTO test_case (session_id, position, model, kind, state, plan, notes) VALUES (?, ?, ?, ?, 'pending', ?, '[]')`,
        );
        for (const [position, { modelId, kind, plan }] of tests.entries()) {
          insert.run(id, position, modelId, kind, JSON.stringify(plan));
        }
      })
      .immediate();
    const added = this.get(id);
    if (added === null) throw new Error(`the session ${id} was not written`);
    return added;
  }

  get(id: string): TestSession | null {
    const row = this.#store.database.query<SessionRow, [string]>(`SELECT ${SESSION} FROM test_session WHERE id = ?`);
    return this.#whole(row.get(id));
  }

  named(name: string): TestSession | null {
    const row = this.#store.database.query<SessionRow, [string]>(`SELECT ${SESSION} FROM test_session WHERE name = ?`);
    return this.#whole(row.get(name));
  }

  plan(id: string, position: number): BenchPlan | null {
    return this.#json<BenchPlan>('plan', id, position);
  }

  report(id: string, position: number): BenchReport | null {
    return this.#json<BenchReport>('report', id, position);
  }

  /** Newest first. */
  sessions(query: SessionQuery): Paged<TestSession> {
    const { database } = this.#store;
    const words = query.search === null ? null : `%${escaped(searchable(query.search))}%`;
    const where = `(?1 IS NULL OR words LIKE ?1 ESCAPE '\\') AND NOT EXISTS (
      SELECT 1 FROM json_each(?2) AS wanted
      WHERE NOT EXISTS (SELECT 1 FROM json_each(tags) AS had WHERE had.value = wanted.value))`;
    const tags = JSON.stringify(query.tags.map(normal));
    const count = database
      .query<{ total: number }, [string | null, string]>(`SELECT COUNT(*) AS total FROM test_session WHERE ${where}`)
      .get(words, tags);
    const rows = database
      .query<SessionRow, [string | null, string, number, number]>(
        `SELECT ${SESSION} FROM test_session WHERE ${where} ORDER BY created_at DESC, rowid DESC LIMIT ?3 OFFSET ?4`,
      )
      .all(words, tags, query.limit, query.offset);
    return { items: rows.flatMap((row) => this.#whole(row) ?? []), total: count?.total ?? 0 };
  }

  /** Of completed tests, newest first. */
  results(query: ResultQuery): Paged<TestResult> {
    const { database } = this.#store;
    const from = `FROM test_case JOIN test_session ON test_session.id = test_case.session_id
      WHERE test_case.state = 'completed' AND metrics IS NOT NULL
      AND (?1 IS NULL OR model = ?1) AND (?2 IS NULL OR hardware_words LIKE ?2 ESCAPE '\\')
      AND (?3 IS NULL OR test_case.finished_at >= ?3) AND (?4 IS NULL OR test_case.finished_at <= ?4)`;
    const hardware = query.hardware === null ? null : `%${escaped(query.hardware.toLowerCase())}%`;
    type Values = [string | null, string | null, number | null, number | null];
    const values: Values = [query.modelId, hardware, query.from, query.to];
    const count = database.query<{ total: number }, Values>(`SELECT COUNT(*) AS total ${from}`).get(...values);
    interface Row extends Pick<TestRow, 'session_id' | 'model' | 'kind'> {
      readonly metrics: string;
      readonly hardware: string;
      readonly finished_at: number;
    }
    const rows = database
      .query<Row, [...Values, number, number]>(
        `SELECT session_id, model, kind, metrics, hardware, test_case.finished_at ${from}
         ORDER BY test_case.finished_at DESC, test_case.rowid DESC LIMIT ?5 OFFSET ?6`,
      )
      .all(...values, query.limit, query.offset);
    return {
      total: count?.total ?? 0,
      items: rows.map((row) => ({
        sessionId: row.session_id,
        modelId: row.model,
        kind: row.kind,
        hardware: JSON.parse(row.hardware) as MachineFacts,
        metrics: JSON.parse(row.metrics) as TestMetrics,
        at: row.finished_at,
      })),
    };
  }

  /** The oldest that waits. */
  next(): TestSession | null {
    const row = this.#store.database.query<SessionRow, []>(
      `SELECT ${SESSION} FROM test_session WHERE state = 'queued' ORDER BY created_at, rowid LIMIT 1`,
    );
    return this.#whole(row.get());
  }

  waitingCount(): number {
    const row = this.#store.database.query<{ total: number }, []>(
      `SELECT COUNT(*) AS total FROM test_session WHERE state = 'queued'`,
    );
    return row.get()?.total ?? 0;
  }

  begin(id: string): void {
    this.#run(`UPDATE test_session SET state = 'running', started_at = ? WHERE id = ?`, Date.now(), id);
  }

  beginTest(id: string, position: number): void {
    const sql = `UPDATE test_case SET state = 'running', started_at = ? WHERE session_id = ? AND position = ?`;
    this.#run(sql, Date.now(), id, position);
  }

  note(id: string, position: number, notes: readonly string[]): void {
    const sql = 'UPDATE test_case SET notes = ? WHERE session_id = ? AND position = ?';
    this.#run(sql, JSON.stringify(notes), id, position);
  }

  completeTest(
    id: string,
    position: number,
    report: BenchReport,
    metrics: TestMetrics,
    notes: readonly string[],
  ): void {
    const sql = `UPDATE test_case SET state = 'completed', finished_at = ?, report = ?, metrics = ?, notes = ?
      WHERE session_id = ? AND position = ?`;
    const values = [Date.now(), JSON.stringify(report), JSON.stringify(metrics), JSON.stringify(notes)] as const;
    this.#run(sql, ...values, id, position);
  }

  failTest(id: string, position: number, failure: string, notes: readonly string[]): void {
    const sql = `UPDATE test_case SET state = 'failed', finished_at = ?, failure = ?, notes = ?
      WHERE session_id = ? AND position = ?`;
    this.#run(sql, Date.now(), failure, JSON.stringify(notes), id, position);
  }

  /** Completed, or failed for that reason. */
  finish(id: string, failure: string | null): void {
    const sql = `UPDATE test_session SET state = ?, failure = ?, finished_at = ? WHERE id = ?`;
    this.#run(sql, failure === null ? 'completed' : 'failed', failure, Date.now(), id);
  }

  /** What ran when the process before us ended without a word. Returns how many sessions. */
  failRunning(failure: string): number {
    const { database } = this.#store;
    return database
      .transaction(() => {
        const now = Date.now();
        database
          .query(
            `UPDATE test_case SET state = 'failed', failure = ?, finished_at = ? WHERE state IN ('pending', 'running')
             AND session_id IN (SELECT id FROM test_session WHERE state = 'running')`,
          )
          .run(failure, now);
        return database
          .query(`UPDATE test_session SET state = 'failed', failure = ?, finished_at = ? WHERE state = 'running'`)
          .run(failure, now).changes;
      })
      .immediate();
  }

  /** False: there was none. */
  remove(id: string): boolean {
    return this.#store.database.query('DELETE FROM test_session WHERE id = ?').run(id).changes > 0;
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#store.database.query(sql).run(...values);
  }

  #json<T>(column: 'plan' | 'report', id: string, position: number): T | null {
    const row = this.#store.database
      .query<{ text: string | null }, [string, number]>(
        `SELECT ${column} AS text FROM test_case WHERE session_id = ? AND position = ?`,
      )
      .get(id, position);
    return row === null || row.text === null ? null : (JSON.parse(row.text) as T);
  }

  #whole(row: SessionRow | null): TestSession | null {
    if (row === null) return null;
    const tests = this.#store.database
      .query<TestRow, [string]>(`SELECT ${TEST} FROM test_case WHERE session_id = ? ORDER BY position`)
      .all(row.id);
    return sessionOf(row, tests);
  }
}

/** SQLite knows upper and lower case of ASCII only. */
const searchable = (text: string): string => normal(text).toLowerCase();
/** One spelling of what looks the same. */
const normal = (text: string): string => text.normalize('NFC');
const escaped = (text: string): string => text.replace(/[\\%_]/g, (sign) => `\\${sign}`);
