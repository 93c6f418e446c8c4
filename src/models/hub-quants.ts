// A repository's files as choices: one per quantization, a split file as one, projectors and sidecars apart; and which of them
// somebody means. Pure: it works on names and sizes as the hub lists them and must never guess at what a file holds.
import { Fault } from '../base/fault.ts';
import { isGgufName } from './found-file.ts';
import { type FileNameParts, nameKey, parseFileName, shardName, splitQuantization, trimRepository } from './names.ts';
import { isProjector, precisionRank, wordsOf } from './projectors.ts';

export interface HubFile {
  /** In the repository, with `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex; null for a file that lies in git itself. */
  readonly sha256: string | null;
}

export interface QuantChoice {
  /** What to write behind the colon to get this one: the quantization where it tells, else the path. */
  readonly tag: string;
  /** `Q4_K_M`, `UD-Q4_K_XL`; null where neither the name nor its folder has one. */
  readonly quantization: string | null;
  /** Without quantization and number: `Qwen3-4B`. */
  readonly name: string;
  /** Folder in the repository, `''` at its root. */
  readonly folder: string;
  /** In order of their parts; never empty. */
  readonly files: readonly HubFile[];
  /** Names of parts that the repository does not have. */
  readonly missing: readonly string[];
  readonly isComplete: boolean;
  /** Of the files that are there. */
  readonly totalBytes: number;
}

export interface HubChoices {
  /** Smallest first. */
  readonly quants: readonly QuantChoice[];
  /** Best precision first: F16, BF16, Q8_0, F32. */
  readonly projectors: readonly HubFile[];
  /** Draft heads, importance matrices: nothing that is served by itself. */
  readonly sidecars: readonly HubFile[];
}

/** What to choose when nobody says: good answers for their size first. */
const USUAL = [
  'Q4_K_M',
  'UD-Q4_K_XL',
  'Q4_K_XL',
  'Q4_K_S',
  'IQ4_XS',
  'IQ4_NL',
  'Q4_0',
  'MXFP4',
  'MXFP4_MOE',
  'NVFP4',
  'Q5_K_M',
  'UD-Q5_K_XL',
  'Q6_K',
  'Q8_0',
];
/** By the names that llama.cpp's tools and quantizers give them. */
const SIDECAR = /^(?:mtp|eagle3|dflash|dspark)-|(?:^|[-_.])imatrix(?:[-_.]|$)/i;

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const stemOf = (path: string): string => baseName(path).replace(/\.gguf$/i, '');

/** Groups the GGUF files of a repository; other files are left out. */
export function quantsOf(files: readonly HubFile[]): HubChoices {
  const models = new Map<string, { readonly file: HubFile; readonly parts: FileNameParts }[]>();
  const projectors: HubFile[] = [];
  const sidecars: HubFile[] = [];
  for (const file of files) {
    const name = baseName(file.path);
    if (!isGgufName(name)) continue;
    if (isProjector(stemOf(file.path), null)) projectors.push(file);
    else if (SIDECAR.test(stemOf(file.path))) sidecars.push(file);
    else {
      const parts = parseFileName(name);
      const key = parts.shard === null ? file.path : `${folderOf(file.path)}\n${parts.stem}\n${parts.shard.count}`;
      const group = models.get(key) ?? [];
      group.push({ file, parts });
      models.set(key, group);
    }
  }
  const drafts = [...models.values()].map(choiceOf).sort(bySize);
  const quants = drafts.map((choice) => ({ ...choice, tag: tagOf(choice, drafts) }));
  projectors.sort((left, right) => rankOfProjector(left) - rankOfProjector(right) || (left.path < right.path ? -1 : 1));
  return { quants, projectors, sidecars };
}

export interface Wish {
  /** `owner/name`: its own name settles which of several models is meant. */
  readonly repository: string;
  /** Upper case; null: the usual one. */
  readonly quantization: string | null;
  /** Path or name of one file; the parts of a split file stand for the whole. */
  readonly file: string | null;
  readonly folder: string | null;
}

/**
 * The one that is meant. Throws a Fault: `not_found` with the tags that there are in `details.tags`, `bad_request` where several are
 * meant alike, `unprocessable` where parts are missing.
 */
export function chooseQuant(choices: HubChoices, wish: Wish): QuantChoice {
  const chosen = wish.file === null ? chosenByTag(choices, wish) : chosenByFile(choices, wish, wish.file);
  if (chosen.isComplete) return chosen;
  throw new Fault(
    'unprocessable',
    `${wish.repository} has not all parts of ${chosen.tag}: ${chosen.missing.join(', ')}.`,
    {
      blame: 'remote',
      hint: 'The upload may still be going on; choose another quantization or try again later.',
    },
  );
}

/** The projector that goes with a choice, or null. One in its own folder first, then one whose name it shares, then the precision. */
export function projectorFor(choice: QuantChoice, choices: HubChoices): HubFile | null {
  const words = wordsOf(choice.name);
  const names = new Set(choices.quants.map((other) => nameKey(other.name)));
  const ranked = choices.projectors.flatMap((file) => {
    const folder = folderOf(file.path);
    if (folder !== '' && folder !== choice.folder) return [];
    const own = wordsOf(stemOf(file.path));
    const isNamed = own.size > 0 && [...own].every((word) => words.has(word));
    // Among several models a projector with another name belongs to another one.
    if (!isNamed && own.size > 0 && names.size > 1) return [];
    return [{ file, rank: (folder === choice.folder ? 0 : 2) + (isNamed || own.size === 0 ? 0 : 1) }];
  });
  // They come sorted by precision, and sorting keeps that order among equals.
  return ranked.sort((left, right) => left.rank - right.rank)[0]?.file ?? null;
}

function chosenByTag(choices: HubChoices, wish: Wish): QuantChoice {
  const { folder, quantization } = wish;
  const isBelow = (choice: QuantChoice): boolean =>
    folder === null || choice.folder === folder || choice.folder.startsWith(`${folder}/`);
  const eligible = choices.quants.filter(isBelow);
  if (eligible.length === 0) throw nothing(choices, wish);
  if (quantization !== null) {
    const exact = eligible.filter((choice) => choice.quantization === quantization);
    const loose = eligible.filter((choice) => choice.quantization === `UD-${quantization}`);
    const named = eligible.filter((choice) => nameKey(stemOf(choice.files[0]?.path ?? '')) === nameKey(quantization));
    const found = [exact, loose, named].find((list) => list.length > 0);
    if (found === undefined) throw nothing(choices, wish);
    return theOne(found, wish);
  }
  const complete = eligible.filter((choice) => choice.isComplete);
  const usual = USUAL.map((label) => complete.filter((choice) => choice.quantization === label));
  const smallest = (complete.length > 0 ? complete : eligible).slice(0, 1);
  return theOne(usual.find((list) => list.length > 0) ?? smallest, wish);
}

/** Several models with one quantization: the one that the repository is named after, or nobody knows. */
function theOne(found: readonly QuantChoice[], wish: Wish): QuantChoice {
  const [first, ...others] = found;
  if (first === undefined) throw new Fault('not_found', `${wish.repository} has no such file.`);
  if (others.length === 0) return first;
  const title = nameKey(trimRepository(wish.repository.slice(wish.repository.indexOf('/') + 1)));
  const named = found.filter((choice) => nameKey(choice.name) === title);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const tags = found.map((choice) => choice.files[0]?.path ?? '');
  throw new Fault('bad_request', `${wish.repository} has several files of that kind: ${tags.join(', ')}.`, {
    hint: `Name one: ${wish.repository}:${tags[0]}`,
    details: { tags },
  });
}

function chosenByFile(choices: HubChoices, wish: Wish, wanted: string): QuantChoice {
  const key = nameKey(wanted);
  const single = (file: HubFile): QuantChoice => ({
    ...choiceOf([{ file, parts: parseFileName(baseName(file.path)) }]),
    tag: file.path,
  });
  const all = [...choices.quants, ...[...choices.projectors, ...choices.sidecars].map(single)];
  const byPath = all.filter((choice) => choice.files.some((file) => nameKey(file.path) === key));
  const byName = all.filter((choice) => choice.files.some((file) => nameKey(baseName(file.path)) === key));
  const found = byPath.length > 0 ? byPath : byName;
  if (found.length === 0) throw nothing(choices, wish);
  return theOne(found, wish);
}

function nothing(choices: HubChoices, wish: Wish): Fault {
  const tags = choices.quants.map((choice) => choice.tag);
  const what = wish.file ?? wish.quantization ?? wish.folder;
  if (tags.length === 0) {
    return new Fault('not_found', `${wish.repository} has no GGUF model.`, {
      hint: `Look for a repository with GGUF files, often named ${wish.repository}-GGUF.`,
      details: { tags },
    });
  }
  return new Fault('not_found', `${wish.repository} has no ${what}.`, {
    hint: `It has: ${tags.slice(0, 40).join(', ')}`,
    details: { tags },
  });
}

function choiceOf(group: readonly { readonly file: HubFile; readonly parts: FileNameParts }[]): QuantChoice {
  const ordered = [...group].sort((left, right) => (left.parts.shard?.number ?? 0) - (right.parts.shard?.number ?? 0));
  const files = ordered.map((entry) => entry.file);
  const first = ordered[0];
  const path = first?.file.path ?? '';
  const folder = folderOf(path);
  const parts = first?.parts ?? parseFileName(path);
  const count = parts.shard?.count ?? 1;
  const there = new Set(ordered.map((entry) => entry.parts.shard?.number ?? 1));
  const missing: string[] = [];
  for (let number = 1; number <= count && missing.length < 1000; number += 1) {
    if (!there.has(number)) missing.push(shardName(parts.stem, number, count));
  }
  return {
    tag: path,
    quantization: parts.quantization ?? splitQuantization(baseName(folder)).quantization,
    name: parts.name,
    folder,
    files,
    missing,
    isComplete: missing.length === 0,
    totalBytes: files.reduce((total, file) => total + file.sizeBytes, 0),
  };
}

const tagOf = (choice: QuantChoice, all: readonly QuantChoice[]): string =>
  choice.quantization !== null && all.filter((other) => other.quantization === choice.quantization).length === 1
    ? choice.quantization
    : choice.tag;

const bySize = (left: QuantChoice, right: QuantChoice): number =>
  left.totalBytes - right.totalBytes || (left.tag < right.tag ? -1 : 1);

const rankOfProjector = (file: HubFile): number =>
  precisionRank({ path: file.path, group: '', stem: stemOf(file.path), facts: null });
