// Search of a hub: repositories with GGUF files, each with what the hub itself says and a person chooses by. One request for all
// of them; what the hub does not say is null and is never guessed from a name.
import { type HubAccess, hubFetch } from './hub-door.ts';
import { type Gate, gateOf } from './hub-plan.ts';
import { parseRepository } from './hub-reference.ts';

export interface HubHit {
  readonly repository: string;
  readonly downloads: number;
  readonly likes: number;
  /** Epoch ms; null where unknown. */
  readonly updatedAt: number | null;
  readonly gate: Gate;
  /** Weights, as the hub counted them in a file. */
  readonly parameterCount: number | null;
  /** What the model was trained for, by its header. */
  readonly contextTokens: number | null;
  /** As its header has it: `qwen3`. */
  readonly architecture: string | null;
  /** What it is for, in the hub's word: `text-generation`. */
  readonly pipeline: string | null;
  /** As it is tagged: `apache-2.0`. */
  readonly licence: string | null;
}

/** The most of it first; of `newest` the last to be made. */
export const SEARCH_ORDERS = ['downloads', 'likes', 'trending', 'newest'] as const;
export type SearchOrder = (typeof SEARCH_ORDERS)[number];

const SORTS = { downloads: 'downloads', likes: 'likes', trending: 'trendingScore', newest: 'createdAt' } as const;
const SEARCH_MAX = 100;
const WORD_MAX = 64;

/**
 * Beyond what the client library asks for by itself. Its list of names lacks `gguf`, which the hub has (`ExpandModelProperty_T` of
 * huggingface_hub), and at run time it hands on whatever it is given.
 */
const FIELDS = ['tags', 'safetensors', 'gguf'] as unknown as ['tags', 'safetensors'];

export interface SearchWishes {
  /** 20 unless told, 100 at most. */
  readonly limit?: number | undefined;
  /** `downloads` unless told. */
  readonly order?: SearchOrder | undefined;
}

/** Throws what `hubFetch` does, and whatever the library trips over. */
export async function searchHub(query: string, wishes: SearchWishes, access: HubAccess): Promise<readonly HubHit[]> {
  const { listModels } = await import('@huggingface/hub');
  const found = listModels({
    search: { query: query.trim().slice(0, 200), tags: ['gguf'] },
    sort: SORTS[wishes.order ?? 'downloads'],
    limit: Math.max(1, Math.min(wishes.limit ?? 20, SEARCH_MAX)),
    additionalFields: FIELDS,
    hubUrl: access.endpoint,
    fetch: hubFetch(access, null),
  });
  const hits: HubHit[] = [];
  for await (const model of found) {
    const hit = hitOf({ ...model });
    if (hit !== null) hits.push(hit);
  }
  return hits;
}

/** An entry as the client library hands it on; null where it names no repository. Pure. */
export function hitOf(entry: Readonly<Record<string, unknown>>): HubHit | null {
  const repository = typeof entry.name === 'string' ? parseRepository(entry.name) : null;
  if (repository === null) return null;
  const { updatedAt } = entry;
  const changedAt = updatedAt instanceof Date ? updatedAt.getTime() : Number.NaN;
  const gguf = fieldsOf(entry.gguf);
  return {
    repository,
    downloads: countOf(entry.downloads) ?? 0,
    likes: countOf(entry.likes) ?? 0,
    updatedAt: Number.isFinite(changedAt) ? changedAt : null,
    gate: gateOf(entry.gated),
    parameterCount: someOf(gguf.total) ?? someOf(fieldsOf(entry.safetensors).total),
    contextTokens: someOf(gguf.context_length),
    architecture: wordOf(gguf.architecture),
    pipeline: wordOf(entry.task),
    licence: licenceOf(entry.tags),
  };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const countOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;

/** Of something that there is none of, nothing is known. */
const someOf = (value: unknown): number | null => countOf(value) || null;

const wordOf = (value: unknown): string | null =>
  typeof value === 'string' && value.length <= WORD_MAX && /^[\w.+-]+$/.test(value) ? value : null;

function licenceOf(tags: unknown): string | null {
  if (!Array.isArray(tags)) return null;
  const tag = tags.find((entry): entry is string => typeof entry === 'string' && entry.startsWith('license:'));
  return tag === undefined ? null : wordOf(tag.slice('license:'.length));
}
