// Who made a model, of what, and under which licence, as its header says. Pure. Whoever wrote the file wrote these texts: they
// are shortened, freed of controls, and an address is one of the web or none. Keys: "general metadata" of the GGUF specification
// (ggml, docs/gguf.md).
import type { Keys } from './keys.ts';

export interface BaseModel {
  readonly name: string;
  readonly organization: string | null;
  readonly url: string | null;
}

/** Null where the header says nothing. */
export interface Provenance {
  readonly author: string | null;
  readonly organization: string | null;
  /** As SPDX has it, mostly: `apache-2.0`. */
  readonly license: string | null;
  /** What the licence is called where SPDX has no word for it. */
  readonly licenseName: string | null;
  readonly licenseUrl: string | null;
  readonly quantizedBy: string | null;
  /** Where the model is at home. */
  readonly url: string | null;
  readonly description: string | null;
  readonly baseModels: readonly BaseModel[];
}

/** Of a header that says nothing. */
export const NO_PROVENANCE: Provenance = {
  author: null,
  organization: null,
  license: null,
  licenseName: null,
  licenseUrl: null,
  quantizedBy: null,
  url: null,
  description: null,
  baseModels: [],
};

const LONGEST_NAME = 200;
const LONGEST_TEXT = 1000;
const LONGEST_URL = 500;
const MOST_BASES = 8;

// Controls, and those that turn the direction of writing round (Unicode, general category Cc; UAX 9, explicit formatting).
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const UNSEEN = /[\u0000-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]+/g;

function said(text: string | null, longest: number): string | null {
  const clean =
    text
      ?.slice(0, 4 * longest)
      .replace(UNSEEN, ' ')
      .replace(/ {2,}/g, ' ')
      .trim() ?? '';
  if (clean === '') return null;
  return clean.length > longest ? `${clean.slice(0, longest - 1).trimEnd()}…` : clean;
}

function webAddress(text: string | null): string | null {
  if (text === null || text.length > LONGEST_URL || !URL.canParse(text)) return null;
  const { protocol, username, href } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' ? href : null;
}

export function provenanceOf(keys: Keys): Provenance {
  const name = (key: string): string | null => said(keys.textOf(`general.${key}`), LONGEST_NAME);
  const url = (...names: readonly string[]): string | null => {
    for (const key of names) {
      const found = webAddress(keys.textOf(`general.${key}`));
      if (found !== null) return found;
    }
    return null;
  };
  const count = Math.min(MOST_BASES, Math.max(0, Math.trunc(keys.numberOf('general.base_model.count') ?? 0)));
  return {
    author: name('author'),
    organization: name('organization'),
    license: name('license'),
    licenseName: name('license.name'),
    licenseUrl: url('license.link'),
    quantizedBy: name('quantized_by'),
    url: url('url', 'repo_url', 'source.url', 'source.repo_url'),
    description: said(keys.textOf('general.description'), LONGEST_TEXT),
    baseModels: Array.from({ length: count }, (_, index): BaseModel | null => {
      const base = `base_model.${index}`;
      const called = name(`${base}.name`);
      if (called === null) return null;
      return { name: called, organization: name(`${base}.organization`), url: url(`${base}.repo_url`, `${base}.url`) };
    }).filter((base) => base !== null),
  };
}
