// Who answers to which name: ids before aliases, exact aliases before general ones, and a fixed order among equals, so that the same
// files always give the same answer. Pure.
import { nameKey, slugOf } from './names.ts';

/**
 * How strongly a model claims a name. `configured`: somebody wrote it down. `exact`: it says which file (`qwen3-4b:q8_0`, a file name).
 * `general`: it leaves the quantization open (`qwen3-4b`, `owner/repo`).
 */
export type ClaimStrength = 'configured' | 'exact' | 'general';
const STRENGTHS: readonly ClaimStrength[] = ['configured', 'exact', 'general'];

export interface Claim {
  readonly name: string;
  readonly strength: ClaimStrength;
}

export interface Claimant {
  readonly id: string;
  readonly claims: readonly Claim[];
  readonly isUsable: boolean;
  /** Label such as `Q4_K_M`; null where unknown. */
  readonly quantization: string | null;
  readonly sizeBytes: number;
  /** Files by which it can be asked for too, absolute. */
  readonly files: readonly string[];
}

/** llama.cpp's order for a repository without a quantization (`-hf owner/repo`): Q4_K_M, then Q8_0; after these the largest file. */
const PREFERRED = ['Q4_K_M', 'Q8_0'];

export class NameIndex {
  readonly #ids = new Map<string, string>();
  readonly #aliases = new Map<
    string,
    { readonly name: string; readonly claimant: Claimant; readonly strength: number }
  >();
  readonly #files = new Map<string, string>();
  readonly #slugs = new Map<string, string>();
  readonly #aliasesById = new Map<string, string[]>();

  constructor(claimants: readonly Claimant[]) {
    for (const { id } of claimants) this.#ids.set(nameKey(id), id);
    for (const claimant of claimants) {
      for (const claim of claimant.claims) this.#claim(claimant, claim);
      for (const file of claimant.files) if (!this.#files.has(file)) this.#files.set(file, claimant.id);
    }
    for (const { name, claimant } of this.#aliases.values()) {
      const names = this.#aliasesById.get(claimant.id);
      if (names === undefined) this.#aliasesById.set(claimant.id, [name]);
      else names.push(name);
    }
    for (const { name, claimant } of this.#aliases.values()) this.#addSlug(name, claimant.id);
    // Last, so that an id wins over any alias of the same spelling.
    for (const { id } of claimants) this.#slugs.set(slugOf(id).text, id);
  }

  /** The id that a name, an alias, a path or a careless spelling of one means (`Qwen3 4B`); null where nothing does. */
  resolve(name: string): string | null {
    if (name.length > 4096) return null;
    const key = nameKey(name);
    if (key === '') return null;
    const exact = this.#ids.get(key) ?? this.#aliases.get(key)?.claimant.id ?? this.#files.get(name);
    if (exact !== undefined) return exact;
    const { text, isLossy } = slugOf(name);
    return text === '' || isLossy ? null : (this.#slugs.get(text) ?? null);
  }

  /** The names that a model won, as it wrote them. */
  aliasesOf(id: string): readonly string[] {
    return this.#aliasesById.get(id) ?? [];
  }

  /** Every name and the id that it means. */
  *names(): Generator<readonly [name: string, id: string], void, void> {
    for (const [key, id] of this.#ids) yield [key, id];
    for (const [key, { claimant }] of this.#aliases) yield [key, claimant.id];
  }

  #claim(claimant: Claimant, claim: Claim): void {
    const key = nameKey(claim.name);
    if (key === '' || this.#ids.has(key)) return;
    const strength = STRENGTHS.indexOf(claim.strength);
    const holder = this.#aliases.get(key);
    if (holder !== undefined) {
      if (holder.claimant.id === claimant.id) return;
      if ((holder.strength - strength || compareClaimants(holder.claimant, claimant)) <= 0) return;
    }
    this.#aliases.set(key, { name: claim.name, claimant, strength });
  }

  #addSlug(name: string, id: string): void {
    const { text, isLossy } = slugOf(name);
    if (text !== '' && !isLossy && !this.#slugs.has(text)) this.#slugs.set(text, id);
  }
}

/** Negative where `left` is to be taken before `right`. */
export function compareClaimants(left: Claimant, right: Claimant): number {
  return (
    Number(right.isUsable) - Number(left.isUsable) ||
    preference(left) - preference(right) ||
    right.sizeBytes - left.sizeBytes ||
    left.id.length - right.id.length ||
    (left.id < right.id ? -1 : left.id > right.id ? 1 : 0)
  );
}

function preference(claimant: Claimant): number {
  const index = PREFERRED.indexOf(claimant.quantization?.replace(/^UD-/, '') ?? '');
  return index === -1 ? PREFERRED.length : index;
}
