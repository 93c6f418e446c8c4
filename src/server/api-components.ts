// Schemas that are said once: one with an `$id` moves into `components` and is referred to. It must never reorder nor
// drop what a schema says, nor look into examples, which are data.
type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys of OpenAPI objects below which there is data, not description. */
const DATA = new Set(['example', 'examples', 'default', 'const', 'enum', 'value']);
/** Keys below which there are names, whatever they are called, and only then description. */
const NAMED = new Set(['properties', 'responses', 'content']);
/** How TypeBox says "any name" of a record. */
const ANY_NAME = '^(.*)$';

export class Components {
  readonly #schemas = new Map<string, Fields>();
  readonly #texts = new Map<string, string>();

  /** All schemas that were moved here, by name. */
  schemas(): Record<string, Fields> {
    return Object.fromEntries([...this.#schemas].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** The same value with a reference in the place of every schema that has a name. Throws when two share one. */
  hoisted(value: Fields): Fields {
    return this.#walk(value) as Fields;
  }

  #walk(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#walk(item));
    if (!isFields(value)) return value;
    const { $id, ...fields } = value;
    if (typeof $id !== 'string') return this.#walkFields(fields);
    const schema = this.#walkFields(fields);
    const text = JSON.stringify(schema);
    const known = this.#texts.get($id);
    if (known !== undefined && known !== text) throw new Error(`two schemas are called ${$id}`);
    this.#texts.set($id, text);
    this.#schemas.set($id, schema);
    return { $ref: `#/components/schemas/${$id}` };
  }

  #walkFields(fields: Fields): Fields {
    const walked: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      if (NAMED.has(key) && isFields(value)) {
        walked[key] = Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, this.#walk(schema)]));
      } else if (key === 'patternProperties' && isFields(value) && Object.keys(value).join() === ANY_NAME) {
        walked.additionalProperties = this.#walk(value[ANY_NAME]);
      } else walked[key] = DATA.has(key) ? value : this.#walk(value);
    }
    return walked;
  }
}
