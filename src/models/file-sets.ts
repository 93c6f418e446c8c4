// Files → models-to-be: the parts of a split file are one, two paths to one file are one, and a missing part has a name. It reads the
// headers that the cache does not know, a few milliseconds at a time, so that a server goes on answering.
import { dirname, join } from 'node:path';
import { Fault, toFault } from '../base/fault.ts';
import { type ModelFacts, mergeShards } from '../gguf/facts.ts';
import type { FactsCache } from './facts-cache.ts';
import type { FoundFile } from './found-file.ts';
import { readModelFacts } from './gguf-file.ts';
import { type FileNameParts, parseFileName, shardName } from './names.ts';

/** The files of one model. */
export interface FileSet {
  /** In order of their parts; never empty. */
  readonly files: readonly FoundFile[];
  readonly first: FoundFile;
  readonly parts: FileNameParts;
  /** File names of parts that are not there. */
  readonly missing: readonly string[];
  readonly fingerprint: string;
  /** By other paths or programs: names and repositories that mean the same file. */
  readonly givenNames: readonly string[];
  readonly repositories: readonly string[];
  /** All paths to the first file, and the names to judge it by that go with them. */
  readonly sightings: readonly { readonly path: string; readonly parts: FileNameParts }[];
  /** Where a manifest says which projector belongs to it. */
  readonly projectorPath: string | null;
}

export interface ReadSet extends FileSet {
  readonly facts: ModelFacts | null;
  readonly fault: Fault | null;
}

/** What belongs together: one key for all parts of a split file, one of its own for any other. */
export function setKeyOf(file: FoundFile): string {
  const { stem, shard } = parseFileName(file.name);
  return shard === null ? file.path : `${dirname(file.path)}\n${stem}\n${shard.count}`;
}

/** Groups files in their order; of several paths to one file the first counts, and the others only lend their names. */
export function groupFiles(found: readonly FoundFile[]): FileSet[] {
  const byIdentity = new Map<string, FoundFile[]>();
  for (const file of found) {
    const known = byIdentity.get(file.identity);
    if (known === undefined) byIdentity.set(file.identity, [file]);
    else if (!known.some((other) => other.path === file.path && sameNames(other, file))) known.push(file);
  }
  const bySet = new Map<string, FoundFile[][]>();
  for (const sightings of byIdentity.values()) {
    const [first] = sightings;
    if (first === undefined) continue;
    const key = setKeyOf(first);
    const set = bySet.get(key);
    if (set === undefined) bySet.set(key, [sightings]);
    else set.push(sightings);
  }
  return [...bySet.values()].flatMap((members) => toSet(members) ?? []);
}

const sameNames = (left: FoundFile, right: FoundFile): boolean =>
  left.repository === right.repository && left.givenNames.join('\n') === right.givenNames.join('\n');

function toSet(members: readonly (readonly FoundFile[])[]): FileSet | null {
  const files = members
    .flatMap((sightings) => sightings[0] ?? [])
    .sort(
      (left, right) => (parseFileName(left.name).shard?.number ?? 0) - (parseFileName(right.name).shard?.number ?? 0),
    );
  const [first] = files;
  if (first === undefined) return null;
  const parts = parseFileName(first.name);
  const sightings = members.flat();
  return {
    files,
    first,
    parts,
    missing: missingParts(files, parts),
    fingerprint: files.map((file) => file.fingerprint).join('|'),
    givenNames: [...new Set(sightings.flatMap((file) => file.givenNames))],
    repositories: [...new Set(sightings.flatMap((file) => file.repository ?? []))],
    sightings: (members.find(([file]) => file === first) ?? []).map((file) => ({
      path: file.path,
      parts: parseFileName(file.name),
    })),
    projectorPath: sightings.find((file) => file.projectorPath !== null)?.projectorPath ?? null,
  };
}

function missingParts(files: readonly FoundFile[], parts: FileNameParts): string[] {
  if (parts.shard === null) return [];
  const there = new Set(files.map((file) => parseFileName(file.name).shard?.number));
  const missing: string[] = [];
  // A name may promise 99999 parts; nobody reads that list.
  for (let number = 1; number <= parts.shard.count && missing.length < 100; number += 1) {
    if (!there.has(number)) missing.push(shardName(parts.stem, number, parts.shard.count));
  }
  return missing;
}

/** How long headers are read before others get their turn, in milliseconds. */
const TURN_MS = 8;

/** Adds what the headers say. Throws only when the signal aborts. */
export async function readSets(
  sets: readonly FileSet[],
  cache: FactsCache,
  broken: Map<string, { readonly fingerprint: string; readonly fault: Fault }>,
  signal: AbortSignal | undefined,
  onRead: (count: number) => void = () => undefined,
): Promise<ReadSet[]> {
  const read: ReadSet[] = [];
  let turnEndsAt = performance.now() + TURN_MS;
  for (const set of sets) {
    read.push({ ...set, ...readSet(set, cache, broken) });
    onRead(read.length);
    if (performance.now() < turnEndsAt) continue;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    turnEndsAt = performance.now() + TURN_MS;
  }
  return read;
}

function readSet(
  set: FileSet,
  cache: FactsCache,
  broken: Map<string, { readonly fingerprint: string; readonly fault: Fault }>,
): { facts: ModelFacts | null; fault: Fault | null } {
  const { first, fingerprint } = set;
  if (set.missing.length > 0) return { facts: null, fault: missingFault(set) };
  const known = cache.get(first.path, fingerprint);
  if (known !== null) return { facts: known, fault: null };
  const knownFault = broken.get(first.path);
  if (knownFault?.fingerprint === fingerprint) return { facts: null, fault: knownFault.fault };
  try {
    const facts = wholeFacts(set);
    broken.delete(first.path);
    cache.set(first.path, fingerprint, facts);
    return { facts, fault: null };
  } catch (thrown) {
    const fault = toFault(thrown, 'unprocessable');
    broken.set(first.path, { fingerprint, fault });
    return { facts: null, fault };
  }
}

function wholeFacts(set: FileSet): ModelFacts {
  const shards = set.files.map((file) => readModelFacts(file.path));
  const [facts] = shards;
  if (facts === undefined) throw new Fault('internal', 'A model has no files.');
  const named = set.parts.shard?.count ?? 1;
  const said = facts.split?.count ?? 1;
  if (shards.length > 1) return mergeShards(shards);
  if (named === said) return facts;
  const index = facts.split?.index ?? 0;
  throw new Fault('unprocessable', `${set.first.path} is part ${index + 1} of ${said} of a split model.`, {
    hint: `Give all parts the names that they had: ${shardName('…', index + 1, said)}.`,
  });
}

function missingFault(set: FileSet): Fault {
  const count = set.parts.shard?.count ?? 0;
  const names = set.missing.slice(0, 5).join(', ');
  const more = set.missing.length > 5 ? ' and more' : '';
  return new Fault(
    'unprocessable',
    `The model has ${count} parts, and ${set.missing.length === 1 ? 'one is' : 'some are'} missing: ${names}${more}.`,
    {
      hint: `Put ${set.missing.length === 1 ? 'it' : 'them'} into ${dirname(set.first.path)}.`,
      blame: 'machine',
      details: { missing: set.missing.map((name) => join(dirname(set.first.path), name)) },
    },
  );
}
