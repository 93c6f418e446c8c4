// Remembers what headers said, by path and fingerprint: in memory, and in the store for the next start. A store that cannot be written
// costs time, never a scan. Long texts are kept once and read when somebody asks.
import { createHash } from 'node:crypto';
import type { Log } from '../base/log.ts';
import type { Migration, Store } from '../base/store.ts';
import type { LayerFacts, ModelFacts } from '../gguf/facts.ts';

/** Raised whenever ModelFacts or the reading of headers changes: older rows are then read anew from their files. */
export const FACTS_FORMAT = 3;

export const FACTS_MIGRATION: Migration = {
  name: 'models/facts',
  sql: `
    CREATE TABLE library_facts (
      path TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, format INTEGER NOT NULL, facts TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE library_template (hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
};

interface Row {
  readonly path: string;
  readonly fingerprint: string;
  readonly facts: string;
}

interface Remembered {
  readonly fingerprint: string;
  readonly facts: ModelFacts;
}

export class FactsCache {
  readonly #memory = new Map<string, Remembered>();
  /** Rows of the store that nobody has asked for yet. */
  readonly #unread = new Map<string, Row>();
  readonly #templates = new Map<string, string>();
  #unsaved: { readonly path: string; readonly fingerprint: string; readonly facts: ModelFacts }[] = [];
  #hasComplained = false;

  constructor(
    private readonly store: Store,
    private readonly log: Log,
  ) {
    try {
      const rows = store.database
        .query<Row, [number]>('SELECT path, fingerprint, facts FROM library_facts WHERE format = ?')
        .all(FACTS_FORMAT);
      for (const row of rows) this.#unread.set(row.path, row);
    } catch (thrown) {
      this.#complain(thrown);
    }
  }

  /** What is known of the file at `path` in this very state, else null. */
  get(path: string, fingerprint: string): ModelFacts | null {
    const known = this.#memory.get(path);
    if (known !== undefined) return known.fingerprint === fingerprint ? known.facts : null;
    const row = this.#unread.get(path);
    if (row === undefined || row.fingerprint !== fingerprint) return null;
    this.#unread.delete(path);
    try {
      const facts = decodeFacts(row.facts, (hash) => this.#template(hash));
      this.#memory.set(path, { fingerprint, facts });
      return facts;
    } catch {
      // A damaged row is as good as none.
      return null;
    }
  }

  set(path: string, fingerprint: string, facts: ModelFacts): void {
    this.#memory.set(path, { fingerprint, facts });
    this.#unread.delete(path);
    this.#unsaved.push({ path, fingerprint, facts });
  }

  /** Drops what is known of files for which `isGone` holds. */
  forget(isGone: (path: string) => boolean): void {
    const gone = [...this.#memory.keys(), ...this.#unread.keys()].filter(isGone);
    if (gone.length === 0) return;
    for (const path of gone) {
      this.#memory.delete(path);
      this.#unread.delete(path);
    }
    this.#write(() => {
      const remove = this.store.database.query('DELETE FROM library_facts WHERE path = ?');
      for (const path of gone) remove.run(path);
    });
  }

  /** Writes what is new, in one transaction. */
  save(): void {
    const unsaved = this.#unsaved;
    if (unsaved.length === 0) return;
    this.#unsaved = [];
    const isWritten = this.#write(() => {
      const { database } = this.store;
      const addFacts = database.query('INSERT OR REPLACE INTO library_facts VALUES (?, ?, ?, ?)');
      const addTemplate = database.query('INSERT OR IGNORE INTO library_template VALUES (?, ?)');
      database.query('DELETE FROM library_facts WHERE format <> ?').run(FACTS_FORMAT);
      for (const { path, fingerprint, facts } of unsaved) {
        const { text, template } = encodeFacts(facts);
        if (template !== null) addTemplate.run(template.hash, template.text);
        addFacts.run(path, fingerprint, FACTS_FORMAT, text);
      }
    });
    if (!isWritten) return;
    // From now on their templates are read from the store: a thousand models would otherwise keep megabytes of them.
    for (const { path, fingerprint, facts } of unsaved) {
      if (this.#memory.get(path)?.facts !== facts) continue;
      const { text } = encodeFacts(facts);
      this.#memory.set(path, { fingerprint, facts: decodeFacts(text, (hash) => this.#template(hash)) });
    }
  }

  #template(hash: string): string | null {
    const known = this.#templates.get(hash);
    if (known !== undefined) return known;
    try {
      const row = this.store.database
        .query<{ text: string }, [string]>('SELECT text FROM library_template WHERE hash = ?')
        .get(hash);
      if (row === null) return null;
      // The few that are in use stay at hand.
      if (this.#templates.size >= 8) this.#templates.delete(this.#templates.keys().next().value ?? '');
      this.#templates.set(hash, row.text);
      return row.text;
    } catch {
      return null;
    }
  }

  #write(work: () => void): boolean {
    try {
      this.store.database.transaction(work).immediate();
      return true;
    } catch (thrown) {
      this.#complain(thrown);
      return false;
    }
  }

  #complain(thrown: unknown): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.log.warn('what model files say cannot be remembered; they are read again at every start', {
      reason: String(thrown),
    });
  }
}

interface Encoded extends Omit<ModelFacts, 'layers' | 'chatTemplate'> {
  /** Blocks repeat: the different ones, and which comes where. */
  readonly layerKinds: readonly LayerFacts[];
  readonly layerOrder: readonly number[];
  readonly templateHash: string | null;
}

/** Facts as text, a tenth of their plain length, and the template that they refer to. */
export function encodeFacts(facts: ModelFacts): {
  text: string;
  template: { readonly hash: string; readonly text: string } | null;
} {
  const { layers, chatTemplate, ...rest } = facts;
  const indexes = new Map<string, number>();
  const layerOrder = layers.map((layer) => {
    const text = JSON.stringify(layer);
    const index = indexes.get(text) ?? indexes.size;
    indexes.set(text, index);
    return index;
  });
  const template =
    chatTemplate === null
      ? null
      : { hash: createHash('sha256').update(chatTemplate).digest('base64url'), text: chatTemplate };
  const layerKinds = [...indexes.keys()].map((text): LayerFacts => JSON.parse(text));
  const encoded: Encoded = { ...rest, layerKinds, layerOrder, templateHash: template?.hash ?? null };
  return { text: JSON.stringify(encoded), template };
}

/** The reverse; `chatTemplate` is fetched when it is read. Throws where the text is none of ours. */
export function decodeFacts(text: string, templateOf: (hash: string) => string | null): ModelFacts {
  const { layerKinds, layerOrder, templateHash, ...rest }: Encoded = JSON.parse(text);
  const layers = layerOrder.map((index) => {
    const layer = layerKinds[index];
    if (layer === undefined) throw new RangeError('a layer is missing');
    return layer;
  });
  if (templateHash === null) return { ...rest, layers, chatTemplate: null };
  return {
    ...rest,
    layers,
    get chatTemplate() {
      return templateOf(templateHash);
    },
  };
}
