// The chats of the page: trees of messages (who edits or asks again makes a branch), kept in the store, each caller's own.
// It must never show one caller another's, nor lose a message that was committed.
import { randomUUID } from 'node:crypto';
import type { Identity } from '../access/identity.ts';
import { Fault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';
import {
  type Chat,
  type ChatMessage,
  type ChatRow,
  type ChatSettings,
  chatOf,
  DEFAULT_SETTINGS,
  excerptAround,
  folded,
  foldedMessage,
  likePattern,
  type MessageRow,
  messageOf,
  requireId,
} from './chat-records.ts';

export const CHATS_MIGRATION: Migration = {
  name: 'core/chats',
  sql: `CREATE TABLE chat (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    title TEXT NOT NULL,
    folded_title TEXT NOT NULL,
    settings TEXT NOT NULL,
    head TEXT,
    is_pinned INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX chat_by_owner ON chat (owner, updated_at);
  CREATE TABLE chat_turn (
    chat TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    parent TEXT,
    role TEXT NOT NULL,
    folded TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (chat, id)
  ) STRICT;
  CREATE INDEX chat_turn_by_parent ON chat_turn (chat, parent);`,
};

/** Whose chats somebody sees; the first is under whose name new ones are kept. */
export type Owners = readonly [own: string, ...others: string[]];

const LOCAL = 'local';

/** Before the first key, whoever sits at the machine; from then on those chats are an admin's. */
export function ownersOf(identity: Identity | null): Owners {
  if (identity === null || identity.kind === 'local' || identity.kind === 'transient') return [LOCAL];
  const own = `${identity.kind} ${identity.name}`;
  return identity.scopes.includes('admin') ? [own, LOCAL] : [own];
}

export interface ListedChat extends Chat {
  /** What was searched for, with what stands around it; null: the title has it, or nothing was searched for. */
  readonly excerpt: string | null;
}

export interface ChatList {
  readonly chats: readonly ListedChat[];
  /** What to ask with for the next ones; null: these were the last. */
  readonly nextBefore: number | null;
}

export interface WholeChat {
  readonly chat: Chat;
  /** All branches, oldest first. */
  readonly messages: readonly ChatMessage[];
}

export interface ChatChange {
  readonly title?: string | undefined;
  readonly settings?: ChatSettings | undefined;
  readonly isPinned?: boolean | undefined;
  readonly headId?: string | null | undefined;
}

const MOST_MESSAGES = 10_000;
const SELECT = `SELECT id, title, settings, head, is_pinned, created_at, updated_at,
  (SELECT COUNT(*) FROM chat_turn WHERE chat = chat.id) AS message_count FROM chat`;

export class Chats {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Pinned ones first, then the latest; `before` is what the last page said. */
  list(owners: Owners, query: string, limit: number, before: number | null): ChatList {
    const wanted = folded(query.trim());
    const pattern = likePattern(wanted);
    const { database } = this.#store;
    const marks = owners.map(() => '?').join(', ');
    // One more than is shown tells whether there are more.
    const rows = database
      .query<ChatRow, (string | number)[]>(
        `${SELECT} WHERE owner IN (${marks})
           AND (? = '' OR folded_title LIKE ? ESCAPE '\\'
             OR EXISTS (SELECT 1 FROM chat_turn WHERE chat = chat.id AND folded LIKE ? ESCAPE '\\'))
         ORDER BY is_pinned DESC, updated_at DESC, id LIMIT ? OFFSET ?`,
      )
      .all(...owners, wanted, pattern, pattern, limit + 1, before ?? 0);
    const hit = database.query<{ document: string }, [string, string]>(
      `SELECT document FROM chat_turn WHERE chat = ? AND folded LIKE ? ESCAPE '\\' ORDER BY created_at LIMIT 1`,
    );
    const chats = rows.slice(0, limit).map((row): ListedChat => {
      const found = wanted === '' || folded(row.title).includes(wanted) ? null : hit.get(row.id, pattern);
      return { ...chatOf(row), excerpt: found === null ? null : excerptAround(found.document, wanted) };
    });
    return { chats, nextBefore: rows.length > limit ? (before ?? 0) + limit : null };
  }

  /** Throws `conflict` for an id that is taken, by whomever. */
  create(owners: Owners, wishes: ChatChange & { readonly id?: string | undefined } = {}): Chat {
    const id = wishes.id ?? randomUUID();
    requireId(id, 'id');
    const now = Date.now();
    const title = wishes.title ?? '';
    const { changes } = this.#store.database
      .query('INSERT INTO chat VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(
        id,
        owners[0],
        title,
        folded(title),
        JSON.stringify(wishes.settings ?? DEFAULT_SETTINGS),
        wishes.isPinned === true ? 1 : 0,
        now,
        now,
      );
    if (changes === 0)
      throw new Fault('conflict', 'There is a chat with this id already.', { details: { field: 'id' } });
    return this.#need(owners, id);
  }

  /** Throws `not_found`, for another's too. */
  get(owners: Owners, id: string): WholeChat {
    return { chat: this.#need(owners, id), messages: this.#messages(id) };
  }

  /** Throws `not_found`, `bad_request`. */
  change(owners: Owners, id: string, change: ChatChange): Chat {
    const { database } = this.#store;
    return database
      .transaction((): Chat => {
        const before = this.#need(owners, id);
        const { headId = before.headId, title = before.title } = change;
        if (headId !== null && this.#row(id, headId) === null) throw noSuchMessage('headId');
        database
          .query('UPDATE chat SET title = ?, folded_title = ?, settings = ?, is_pinned = ?, head = ? WHERE id = ?')
          .run(
            title,
            folded(title),
            JSON.stringify(change.settings ?? before.settings),
            (change.isPinned ?? before.isPinned) ? 1 : 0,
            headId,
            id,
          );
        return this.#need(owners, id);
      })
      .immediate();
  }

  /** Throws `not_found`. */
  remove(owners: Owners, id: string): void {
    this.#need(owners, id);
    this.#store.database.query('DELETE FROM chat WHERE id = ?').run(id);
  }

  /** All of the caller's; how many they were. */
  removeAll(owners: Owners): number {
    const marks = owners.map(() => '?').join(', ');
    return this.#store.database.query(`DELETE FROM chat WHERE owner IN (${marks})`).run(...owners).changes;
  }

  /**
   * Adds a message or replaces the one with its id (an answer is kept while it grows, and whole at its end). A replaced one
   * keeps its place. The message becomes the chat's head. Durable when it returns. Throws `not_found`, `bad_request`.
   */
  put(owners: Owners, chatId: string, message: ChatMessage): Chat {
    requireId(message.id, 'messageId');
    const { database } = this.#store;
    return database
      .transaction((): Chat => {
        const chat = this.#need(owners, chatId);
        const before = this.#row(chatId, message.id);
        if (before === null && chat.messageCount >= MOST_MESSAGES) {
          throw new Fault('bad_request', `A chat has at most ${MOST_MESSAGES} messages.`, { hint: 'Begin a new one.' });
        }
        if (before !== null && (before.parent !== message.parentId || before.role !== message.role)) {
          throw new Fault('conflict', 'There is another message with this id.', { details: { field: 'messageId' } });
        }
        if (message.parentId !== null && this.#row(chatId, message.parentId) === null) throw noSuchMessage('parentId');
        database
          .query(
            `INSERT INTO chat_turn VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, id)
             DO UPDATE SET folded = excluded.folded, document = excluded.document`,
          )
          .run(
            chatId,
            message.id,
            message.parentId,
            message.role,
            foldedMessage(message),
            JSON.stringify(message),
            message.createdAt,
          );
        database
          .query('UPDATE chat SET updated_at = ?, head = CASE WHEN ? THEN ? ELSE head END WHERE id = ?')
          .run(Date.now(), before === null ? 1 : 0, message.id, chatId);
        return this.#need(owners, chatId);
      })
      .immediate();
  }

  /** With all that follows it; the head moves to the latest of what is left beside or before it. Throws `not_found`. */
  removeMessage(owners: Owners, chatId: string, messageId: string): WholeChat {
    const { database } = this.#store;
    database
      .transaction(() => {
        const chat = this.#need(owners, chatId);
        const row = this.#row(chatId, messageId);
        if (row === null) throw noSuchMessage('messageId');
        database
          .query(
            `WITH RECURSIVE gone (id) AS (
               SELECT ?2 UNION SELECT chat_turn.id FROM chat_turn JOIN gone ON parent = gone.id WHERE chat = ?1
             ) DELETE FROM chat_turn WHERE chat = ?1 AND id IN (SELECT id FROM gone)`,
          )
          .run(chatId, messageId);
        if (chat.headId === null || this.#row(chatId, chat.headId) !== null) return;
        database
          .query('UPDATE chat SET head = ? WHERE id = ?')
          .run(this.#latestBelow(chatId, row.parent) ?? row.parent, chatId);
      })
      .immediate();
    return this.get(owners, chatId);
  }

  /** One by one, so that a long history is never in memory whole. */
  *all(owners: Owners): Generator<WholeChat, void, void> {
    const marks = owners.map(() => '?').join(', ');
    const ids = this.#store.database
      .query<{ id: string }, string[]>(`SELECT id FROM chat WHERE owner IN (${marks}) ORDER BY created_at, id`)
      .all(...owners);
    for (const { id } of ids) {
      const chat = this.#find(owners, id);
      if (chat !== null) yield { chat, messages: this.#messages(id) };
    }
  }

  /** Takes up what was exported; an id that is taken becomes another. All of them or none. Throws `bad_request`. */
  import(owners: Owners, wholes: readonly WholeChat[]): readonly Chat[] {
    return this.#store.database
      .transaction(() =>
        wholes.map(({ chat, messages }) => {
          const isTaken = this.#store.database.query('SELECT 1 FROM chat WHERE id = ?').get(chat.id) !== null;
          const { title, settings, isPinned } = chat;
          const made = this.create(owners, { title, settings, isPinned, ...(isTaken ? {} : { id: chat.id }) });
          // A parent comes before its children, whatever order the file has.
          for (const message of parentsFirst(messages)) this.put(owners, made.id, message);
          const hasHead = messages.some(({ id }) => id === chat.headId);
          return hasHead ? this.change(owners, made.id, { headId: chat.headId }) : this.#need(owners, made.id);
        }),
      )
      .immediate();
  }

  /** The last leaf that was written below a message; null where there is none. */
  #latestBelow(chatId: string, parent: string | null): string | null {
    let at = parent;
    let found: string | null = null;
    for (;;) {
      const row: { id: string } | null = this.#store.database
        .query<{ id: string }, [string, string | null]>(
          'SELECT id FROM chat_turn WHERE chat = ? AND parent IS ? ORDER BY created_at DESC, rowid DESC LIMIT 1',
        )
        .get(chatId, at);
      if (row === null) return found;
      found = row.id;
      at = row.id;
    }
  }

  #messages(id: string): readonly ChatMessage[] {
    return this.#store.database
      .query<MessageRow, [string]>('SELECT document FROM chat_turn WHERE chat = ? ORDER BY created_at, rowid')
      .all(id)
      .map(messageOf);
  }

  #row(chatId: string, id: string): { readonly parent: string | null; readonly role: string } | null {
    return this.#store.database
      .query<{ parent: string | null; role: string }, [string, string]>(
        'SELECT parent, role FROM chat_turn WHERE chat = ? AND id = ?',
      )
      .get(chatId, id);
  }

  #find(owners: Owners, id: string): Chat | null {
    const marks = owners.map(() => '?').join(', ');
    const row = this.#store.database
      .query<ChatRow, string[]>(`${SELECT} WHERE id = ? AND owner IN (${marks})`)
      .get(id, ...owners);
    return row === null ? null : chatOf(row);
  }

  #need(owners: Owners, id: string): Chat {
    const chat = this.#find(owners, id);
    if (chat === null) throw new Fault('not_found', 'There is no such chat.', { hint: 'It may have been deleted.' });
    return chat;
  }
}

const noSuchMessage = (field: string): Fault =>
  new Fault(field === 'messageId' ? 'not_found' : 'bad_request', 'There is no such message in this chat.', {
    details: { field },
  });

/** Throws `bad_request` for a parent that is not there, or for a circle. */
function parentsFirst(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const below = Map.groupBy(messages, ({ parentId }) => parentId);
  const done = new Set<string>();
  const ordered: ChatMessage[] = [];
  let level = below.get(null) ?? [];
  while (level.length > 0) {
    ordered.push(...level);
    const ids = new Set(level.map(({ id }) => id));
    for (const id of ids) done.add(id);
    level = [...ids].flatMap((id) => below.get(id) ?? []).filter(({ id }) => !done.has(id));
  }
  if (messages.some(({ id }) => !done.has(id))) throw noSuchMessage('parentId');
  return ordered;
}
