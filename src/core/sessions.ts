// Chat sessions: what was said, message by message, kept in the store and saved as files on demand. It must never lose a
// message that was committed, nor delete one that nobody asked to be deleted.
import { randomUUID } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';
import type { ChatMessage } from './generation.ts';
import { type SessionFile, type SessionFiles, sessionFileName } from './session-files.ts';

export const SESSIONS_MIGRATION: Migration = {
  name: 'core/sessions',
  sql: `CREATE TABLE chat_session (
    id TEXT PRIMARY KEY,
    model TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX chat_session_by_time ON chat_session (updated_at);
  CREATE TABLE chat_message (
    session TEXT NOT NULL REFERENCES chat_session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (session, number)
  ) STRICT;`,
};

export interface Session {
  readonly id: string;
  /** The model that answered last; null: none yet. */
  readonly modelId: string | null;
  readonly messageCount: number;
  /** Epoch milliseconds, as the following. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A session as it is listed: in the store, in a file, or both. */
export interface ListedSession {
  readonly id: string;
  readonly session: Session | null;
  readonly file: SessionFile | null;
}

export interface SavedSession {
  readonly id: string;
  readonly file: SessionFile;
}

export interface LoadedSession {
  readonly id: string;
  readonly file: SessionFile;
  /** What was saved. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly messageCount: number;
}

interface Row {
  readonly id: string;
  readonly model: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly message_count: number;
}

/** How many are listed at most. */
const LISTED = 1000;
const ROLES: ReadonlySet<unknown> = new Set(['system', 'user', 'assistant']);
const SELECT = `SELECT id, model, created_at, updated_at,
  (SELECT COUNT(*) FROM chat_message WHERE session = id) AS message_count FROM chat_session`;

export interface SessionsOptions {
  readonly store: Store;
  readonly files: SessionFiles;
  /** What files are called before the session's id. */
  readonly filePrefix: string;
}

export class Sessions {
  readonly #store: Store;
  readonly #files: SessionFiles;
  readonly #filePrefix: string;

  constructor({ store, files, filePrefix }: SessionsOptions) {
    this.#store = store;
    this.#files = files;
    this.#filePrefix = filePrefix;
  }

  get(id: string): Session | null {
    const row = this.#store.database.query<Row, [string]>(`${SELECT} WHERE id = ?`).get(id);
    return row === null ? null : sessionOf(row);
  }

  /** Oldest first. Throws `not_found`. */
  history(id: string): readonly ChatMessage[] {
    this.#need(id);
    return this.#messages(id);
  }

  /**
   * Adds messages, all of them or none; a session that is not there is made. Durable when it returns: a process that is
   * killed loses none of them.
   */
  append(id: string, messages: readonly ChatMessage[], modelId: string | null = null): Session {
    requireSessionId(id);
    const { database } = this.#store;
    database
      .transaction(() => {
        const now = Date.now();
        database
          .query(
            `INSERT INTO chat_session VALUES (?, ?, ?, ?) ON CONFLICT (id)
             DO UPDATE SET model = COALESCE(excluded.model, model), updated_at = MAX(excluded.updated_at, updated_at)`,
          )
          .run(id, modelId, now, now);
        this.#insert(id, messages, now);
      })
      .immediate();
    return this.#need(id);
  }

  /** Newest first. */
  list(): readonly ListedSession[] {
    const sessions = this.#store.database
      .query<Row, [number]>(`${SELECT} ORDER BY updated_at DESC, id LIMIT ?`)
      .all(LISTED)
      .map(sessionOf);
    const files = new Map(this.#files.list().map((file) => [file.fileName, file]));
    const listed = sessions.map((session): ListedSession => {
      const fileName = sessionFileName(this.#filePrefix + session.id);
      const file = files.get(fileName) ?? null;
      files.delete(fileName);
      return { id: session.id, session, file };
    });
    const others = [...files.values()].map(
      (file): ListedSession => ({ id: this.#idOf(file.fileName), session: null, file }),
    );
    return [...listed, ...others].sort((left, right) => timeOf(right) - timeOf(left));
  }

  /** Saves what is given, else what the store has. Throws `not_found` where there is neither. */
  save(id: string, data: Readonly<Record<string, unknown>> | null, fileName: string | null): SavedSession {
    requireSessionId(id);
    const kept = data ?? this.#document(id);
    const document = { session_id: id, saved_at: new Date().toISOString(), session_data: kept };
    const name = sessionFileName(fileName ?? this.#filePrefix + id);
    // What is saved of a session that the store does not know can be continued like any other.
    const messages = messagesIn(kept);
    const file = this.#files.write(name, document);
    if (this.get(id) === null && messages.length > 0) this.append(id, messages);
    return { id, file };
  }

  /** Reads a file, and takes its messages up as the session's. Throws `not_found`, `bad_request`. */
  load(fileName: string): LoadedSession {
    const { file, document } = this.#files.read(fileName);
    const { session_id: named, session_data: inner } = document;
    const isOurs = typeof named === 'string' && isRecord(inner);
    const data = isOurs ? inner : document;
    const id = isOurs ? named : typeof named === 'string' ? named : this.#idOf(file.fileName);
    requireSessionId(id);
    const messages = messagesIn(data);
    this.#replace(id, messages);
    return { id, file, data, messageCount: messages.length };
  }

  /** By id or by the name of its file: what is stored and what is saved. Throws `not_found`. */
  remove(name: string): { readonly id: string; readonly file: string | null } {
    const byFile = this.#files.find(name);
    const id = byFile === null ? name : this.#idOf(byFile.fileName);
    const fileName = byFile?.fileName ?? sessionFileName(this.#filePrefix + id);
    const wasSaved = this.#files.remove(fileName);
    const { changes } = this.#store.database.query('DELETE FROM chat_session WHERE id = ?').run(id);
    if (!wasSaved && changes === 0) throw noSuchSession(name);
    return { id, file: wasSaved ? fileName : null };
  }

  #replace(id: string, messages: readonly ChatMessage[]): void {
    const { database } = this.#store;
    database
      .transaction(() => {
        const now = Date.now();
        database
          .query(
            'INSERT INTO chat_session VALUES (?, NULL, ?, ?) ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at',
          )
          .run(id, now, now);
        database.query('DELETE FROM chat_message WHERE session = ?').run(id);
        this.#insert(id, messages, now);
      })
      .immediate();
  }

  #insert(id: string, messages: readonly ChatMessage[], now: number): void {
    const { database } = this.#store;
    const last = database
      .query<{ number: number | null }, [string]>('SELECT MAX(number) AS number FROM chat_message WHERE session = ?')
      .get(id);
    const insert = database.query('INSERT INTO chat_message VALUES (?, ?, ?, ?, ?)');
    let number = last?.number ?? 0;
    for (const { role, content } of messages) {
      number += 1;
      insert.run(id, number, role, content, now);
    }
  }

  #messages(id: string): readonly ChatMessage[] {
    return this.#store.database
      .query<ChatMessage, [string]>('SELECT role, content FROM chat_message WHERE session = ? ORDER BY number')
      .all(id);
  }

  #document(id: string): Readonly<Record<string, unknown>> {
    const session = this.#need(id);
    return {
      model_name: session.modelId,
      created_at: new Date(session.createdAt).toISOString(),
      messages: this.#messages(id),
    };
  }

  #need(id: string): Session {
    const session = this.get(id);
    if (session === null) throw noSuchSession(id);
    return session;
  }

  #idOf(fileName: string): string {
    const stem = fileName.replace(/\.json$/, '');
    return stem.startsWith(this.#filePrefix) ? stem.slice(this.#filePrefix.length) : stem;
  }
}

export const newSessionId = (): string => randomUUID();

/** Throws `bad_request` for an id that could not be part of a file's name. */
export function requireSessionId(id: string): void {
  if (/^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._-]{0,99}$/u.test(id) && !/\.\.|\.$/.test(id) && Buffer.byteLength(id) <= 150)
    return;
  throw new Fault('bad_request', `${JSON.stringify(id.slice(0, 100))} is no session's id.`, {
    hint: 'An id is 1 to 100 letters, digits, "_", "-" and ".".',
    details: { field: 'session_id' },
  });
}

const noSuchSession = (name: string): Fault =>
  new Fault('not_found', `There is no session "${name.slice(0, 100)}".`, {
    hint: 'List the sessions to see which there are.',
  });

const timeOf = ({ session, file }: ListedSession): number => session?.updatedAt ?? file?.modifiedAt ?? 0;

const sessionOf = (row: Row): Session => ({
  id: row.id,
  modelId: row.model,
  messageCount: row.message_count,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The messages that saved data holds, under any of the names that chat programs use. */
export function messagesIn(data: Readonly<Record<string, unknown>>): readonly ChatMessage[] {
  const list = [data.messages, data.chat_history, data.history, data.conversation].find(Array.isArray) ?? [];
  return list.flatMap((entry: unknown) =>
    isRecord(entry) && ROLES.has(entry.role) && typeof entry.content === 'string'
      ? [{ role: entry.role as ChatMessage['role'], content: entry.content }]
      : [],
  );
}
