// What a file's name says: model, quantization and shard, and from these a readable id. Pure: it works on names and folder segments,
// never on paths, so both separators behave alike. An id must never be empty, nor a word that a route has taken.
import { createHash } from 'node:crypto';

/** Literal segments of routes that a model's name would shadow, and the name of the built-in model. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'start-all',
  'stop-all',
  'default',
  'loaded',
  'load',
  'unload',
  'validate',
  'status',
]);
export const PROBE_ID = 'drover-probe';

const MAX_ID_LENGTH = 96;

/** `Q4_K_M`, `UD-Q4_K_XL`, `IQ2_XXS`, `MXFP4`, `bf16`, between separators; `q4-k-m` as ClaraCore's downloads are called. */
const QUANTIZATION =
  /(?<=^|[-._ ([])(?:UD-)?(?:I?Q[1-8](?:[-_]K(?:[-_](?:XXS|XS|XL|S|M|L|P))?|[-_][01](?:_[48]_[48])?|[-_](?:XXS|XS|NL|S|M|L))?|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)(?=$|[-._ )\]])/gi;
/** The pattern of llama-gguf-split: `%s-%05d-of-%05d.gguf`, counted from 1. */
const SHARD = /^(.+)-(\d{5})-of-(\d{5})$/;
/** Stems that tell nothing: what converters and downloads write when nobody names the result. */
const TELLS_NOTHING =
  /^(model|models|ggml|gguf|ggml-model|weights?|main|unsloth|consolidated|pytorch[-_]model|file|download|untitled|new|latest|output|merged|hf|base|llm|snapshot|\d*|[\d.]+[bm]|[0-9a-f]{32,})$/i;

export interface FileNameParts {
  /** Without `.gguf` and without the shard's number, composed (NFC). */
  readonly stem: string;
  /** The stem without its quantization: `Qwen3-4B`. */
  readonly name: string;
  /** As written, but upper case: `Q4_K_M`, `UD-Q4_K_XL`; null where the name has none. */
  readonly quantization: string | null;
  /** 1-based number and count of a part of a split file. */
  readonly shard: { readonly number: number; readonly count: number } | null;
}

/** Takes a file name without folders; its extension may be in any case, or missing. */
export function parseFileName(fileName: string): FileNameParts {
  const whole = fileName.normalize('NFC').replace(/\.gguf$/i, '');
  const match = SHARD.exec(whole);
  const number = Number(match?.[2] ?? 0);
  const count = Number(match?.[3] ?? 0);
  const isShard = match !== null && number >= 1 && number <= count;
  const stem = isShard ? (match[1] ?? whole) : whole;
  return { stem, ...splitQuantization(stem), shard: isShard ? { number, count } : null };
}

/** `Qwen3-4B-Q4_K_M` → `Qwen3-4B` and `Q4_K_M`. The last one counts. */
export function splitQuantization(stem: string): { name: string; quantization: string | null } {
  const match = [...stem.matchAll(QUANTIZATION)].at(-1);
  if (match === undefined) return { name: stem, quantization: null };
  const before = stem.slice(0, match.index).replace(/[-._ ([]+$/, '');
  const after = stem.slice(match.index + match[0].length).replace(/^[-._ )\]]+/, '');
  const name = before === '' || after === '' ? before + after : `${before}-${after}`;
  return { name, quantization: labelOf(match[0].toUpperCase()) };
}

/** `q4-k-m` → `Q4_K_M`, `UD-Q4_K_XL` as it is, `FP16` → `F16`. */
const labelOf = (text: string): string => text.replace(/^FP/, 'F').replace(/(?<!^UD)-/g, '_');

/** The file name of part `number` of the split that `stem` names. */
export const shardName = (stem: string, number: number, count: number, extension = '.gguf'): string =>
  `${stem}-${String(number).padStart(5, '0')}-of-${String(count).padStart(5, '0')}${extension}`;

/** Names are compared composed and without case. */
export const nameKey = (name: string): string => name.normalize('NFC').trim().toLowerCase();

/** Letters that do not decompose into a Latin one and an accent. Cyrillic as in passports (ICAO 9303), shortened; Greek as in ISO 843. */
const LETTERS: ReadonlyMap<string, string> = new Map(
  [
    'ß=ss æ=ae œ=oe ø=o ł=l đ=d ð=d þ=th ı=i ħ=h ŋ=ng',
    'а=a б=b в=v г=g д=d е=e ж=zh з=z и=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya',
    'і=i є=ye ђ=dj ј=j љ=lj њ=nj ћ=c џ=dz',
    'α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o',
  ].flatMap((row) => row.split(' ').map((pair): [string, string] => [pair.slice(0, 1), pair.slice(2)])),
);

export interface Slug {
  /** `[a-z0-9._-]*`, beginning and ending with a letter or digit; may be empty. */
  readonly text: string;
  /** True where letters of a script that we cannot write in Latin were dropped. */
  readonly isLossy: boolean;
}

/** Lower case Latin letters, digits, `.`, `_` and `-`. Accents go, Cyrillic and Greek are transliterated, what is left becomes `-`. */
export function slugOf(text: string): Slug {
  let slug = '';
  let isLossy = false;
  for (const letter of text.normalize('NFKD').toLowerCase()) {
    const replaced = LETTERS.get(letter);
    if (/[a-z0-9._-]/.test(letter)) slug += letter;
    else if (replaced !== undefined) slug += replaced;
    else if (!/\p{M}/u.test(letter)) {
      if (/[\p{L}\p{N}]/u.test(letter)) isLossy = true;
      slug += '-';
    }
  }
  const tidy = slug
    .replace(/-*([-._])-*/g, '$1')
    .replace(/([-.])\1+/g, '$1')
    .replace(/^[-._]+|[-._]+$/g, '');
  return { text: tidy, isLossy };
}

/** Six hex digits that tell two texts apart. */
export const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 6);

export interface IdSource {
  /** The file's stem, or what another program calls it (`llama3.2-3b`). */
  readonly stem: string;
  /** From the header; null where unknown. */
  readonly quantization: string | null;
  /** Repository's own name (`Qwen3-4B-GGUF`), the header's `general.name`, the folder's name, in order of trust; used where the stem tells nothing. */
  readonly fallbacks: readonly (string | null)[];
}

/** The part of an id before the quantization, `qwen3-4b`, and the quantization's label where there is one. */
export function nameOf(source: IdSource): { name: string; quantization: string | null } {
  const own = splitQuantization(source.stem);
  const quantization = own.quantization ?? source.quantization;
  const slugs = [own.name, ...source.fallbacks.filter((text) => text !== null).map(trimRepository)].map(slugOf);
  const best =
    slugs.find((slug) => tells(slug.text) && !slug.isLossy) ??
    slugs.find((slug) => tells(slug.text)) ??
    slugs.find((slug) => slug.text !== '');
  return { name: best?.text ?? `model-${shortHash(source.stem)}`, quantization };
}

/** The id that a model gets when nobody else has it: `qwen3-4b-q4_k_m`. */
export function idOf(name: string, quantization: string | null): string {
  const suffix = quantization === null ? '' : slugOf(quantization).text;
  const id = fitted(suffix === '' || name === suffix || name.endsWith(`-${suffix}`) ? name : `${name}-${suffix}`);
  return isReserved(id) ? `${id}-model` : id;
}

/** What to try when `id` is taken: with the folder, then with a hash of the path. */
export function* idVariants(id: string, folderName: string, path: string): Generator<string, never, void> {
  yield id;
  const folder = slugOf(trimRepository(folderName)).text;
  if (folder !== '' && !`-${id}-`.includes(`-${folder}-`)) yield fitted(`${id}-${folder}`);
  const hash = shortHash(path);
  yield fitted(`${id}-${hash}`);
  for (let count = 2; ; count += 1) yield fitted(`${id}-${hash}-${count}`);
}

export const isReserved = (id: string): boolean => RESERVED_NAMES.has(nameKey(id)) || nameKey(id) === PROBE_ID;

/** `Qwen3-4B-Instruct-GGUF` → `Qwen3-4B-Instruct`. */
export const trimRepository = (name: string): string => name.replace(/[-_. ]?(i\d-)?gguf$/i, '');

/** For people: the header's name where it tells something, else the file's without separators. */
export function titleOf(headerName: string | null, stem: string): string {
  const clean = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  const own = clean(headerName ?? '');
  if (own !== '' && own.length <= 80 && !/[\\/]/.test(own) && !TELLS_NOTHING.test(own)) return own;
  const name = clean(splitQuantization(stem).name.replace(/[-_]+/g, ' '));
  return name === '' ? clean(stem) || stem : name;
}

const tells = (slug: string): boolean => /[a-z]/.test(slug) && !TELLS_NOTHING.test(slug);

/** Long names are cut, and then a hash keeps them apart. */
const fitted = (id: string): string =>
  id.length <= MAX_ID_LENGTH ? id : `${id.slice(0, MAX_ID_LENGTH - 7).replace(/[-._]+$/, '')}-${shortHash(id)}`;
