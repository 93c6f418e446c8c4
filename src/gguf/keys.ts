// Typed, unsurprised access to a header's metadata, by full name or under the architecture's prefix. It must never throw over a value
// of the wrong type or size: such a value is as good as absent.
import type { GgufHeader, GgufValue } from './reader.ts';

/** Beyond any dimension of a real model, far below where products of three leave the safe integers. */
const MAX_DIMENSION = 2 ** 32;

export class Keys {
  readonly architecture: string;
  readonly #metadata: ReadonlyMap<string, GgufValue>;

  constructor(header: GgufHeader) {
    this.#metadata = header.metadata;
    this.architecture = this.textOf('general.architecture') ?? '';
  }

  /** By full name; null where absent, empty or not a text. */
  textOf(key: string): string | null {
    const value = this.#metadata.get(key);
    return typeof value === 'string' && value !== '' ? value : null;
  }

  /** A finite number by full name. */
  numberOf(key: string): number | null {
    const value = this.#metadata.get(key);
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  }

  flagOf(key: string): boolean | null {
    const value = this.#metadata.get(key);
    return typeof value === 'boolean' ? value : null;
  }

  has(key: string): boolean {
    return this.#metadata.has(key);
  }

  /** Names that begin so. */
  namesUnder(prefix: string): string[] {
    return [...this.#metadata.keys()].filter((key) => key.startsWith(prefix));
  }

  /** Items of an array, kept or only counted; null where it is no array. */
  lengthOf(key: string): number | null {
    const value = this.#metadata.get(key);
    if (Array.isArray(value)) return value.length;
    if (typeof value === 'object' && 'type' in value && value.type === 'array') return value.count;
    return null;
  }

  /** A dimension or count under `{arch}.`: a whole number from 0; of an array: the first item. */
  size(key: string): number | null {
    const value = this.#metadata.get(`${this.architecture}.${key}`);
    return sizeOf(Array.isArray(value) ? value[0] : value);
  }

  flag(key: string): boolean | null {
    return this.flagOf(`${this.architecture}.${key}`);
  }

  /** True where it is an array, so that it speaks for each layer. */
  isPerLayer(key: string): boolean {
    return Array.isArray(this.#metadata.get(`${this.architecture}.${key}`));
  }

  /** One size per layer: an array's items (0 beyond its end) or the same scalar for all; null where absent. */
  sizes(key: string, layerCount: number): number[] | null {
    const value = this.#metadata.get(`${this.architecture}.${key}`);
    if (Array.isArray(value)) {
      return Array.from({ length: layerCount }, (_, layer) => sizeOf(value[layer]) ?? 0);
    }
    const size = sizeOf(value);
    return size === null ? null : new Array<number>(layerCount).fill(size);
  }

  /** One truth per layer from an array of flags or numbers; null where there is no such array. */
  flags(key: string, layerCount: number): boolean[] | null {
    const value = this.#metadata.get(`${this.architecture}.${key}`);
    if (!Array.isArray(value)) return null;
    return Array.from({ length: layerCount }, (_, layer) => value[layer] === true || Number(value[layer] ?? 0) > 0);
  }
}

function sizeOf(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_DIMENSION) return null;
  return value;
}
