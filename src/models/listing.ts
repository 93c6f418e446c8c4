// From files that were read to models with ids, aliases and projectors, joined with what the configuration says of them. No disk, no
// clock: the same input gives the same list.
import { basename, dirname } from 'node:path';
import type { Fault } from '../base/fault.ts';
import { type Claim, type Claimant, NameIndex } from './aliases.ts';
import type { ReadSet } from './file-sets.ts';
import type { IdRequest } from './id-book.ts';
import type { ConfiguredModel, LibraryModel } from './library.ts';
import { idOf, isReserved, nameKey, nameOf, PROBE_ID, titleOf } from './names.ts';
import { isProjector, type ProjectorCandidate, pairProjectors } from './projectors.ts';

/** A configured model with the files that were found for it. */
export interface ConfiguredFiles {
  readonly entry: ConfiguredModel;
  /** Absolute. */
  readonly path: string;
  /** Null where the file is not there; then `fault` says so. */
  readonly set: ReadSet | null;
  readonly fault: Fault | null;
  /** `automatic`: whatever is found beside the model. */
  readonly projector: 'automatic' | ReadSet | null;
}

/** Gives each set of files its id; see `IdBook`, which remembers them. */
export interface IdGiver {
  assign(
    requests: readonly IdRequest[],
    taken: ReadonlySet<string>,
    isGone: (path: string) => boolean,
  ): ReadonlyMap<string, string>;
}

export interface ListingInput {
  readonly sets: readonly ReadSet[];
  readonly configured: readonly ConfiguredFiles[];
  /** The built-in model, for when there is nothing else. */
  readonly probe: ReadSet | null;
  readonly ids: IdGiver;
  readonly isGone: (path: string) => boolean;
}

export interface Listing {
  readonly models: readonly LibraryModel[];
  readonly index: NameIndex;
}

interface Draft extends Omit<LibraryModel, 'aliases'> {
  /** Quantization as its name says it, else its header. */
  readonly label: string | null;
  readonly claims: readonly Claim[];
}

export function listModels(input: ListingInput): Listing {
  const { sets, configured } = input;
  const projectors = sets.filter((set) => isProjector(set.parts.stem, set.facts));
  const candidates = sets.filter((set) => !isProjector(set.parts.stem, set.facts) && isListed(set));
  const configuredBySet = Map.groupBy(
    configured.filter(({ set }) => set !== null),
    ({ set }) => set,
  );
  // A configured file is listed whatever it is; the others only where they are models.
  const targets = [...new Set([...candidates, ...configured.flatMap(({ set }) => set ?? [])])];
  const ids = assignIds(targets, input, configuredBySet);
  const projectorByPath = pairAll(targets, projectors);

  const drafts: Draft[] = [];
  for (const item of configured) {
    const found = item.set === null ? null : discovered(item.set, ids, projectorByPath);
    drafts.push(configuredDraft(item, found));
  }
  for (const set of candidates) {
    if (!configuredBySet.has(set)) drafts.push(discovered(set, ids, projectorByPath));
  }
  const isAnyUsable = drafts.some((draft) => draft.fault === null && draft.facts?.kind !== 'draft');
  if (!isAnyUsable && input.probe !== null && input.probe.fault === null) drafts.push(probeDraft(input.probe));

  const index = new NameIndex(drafts.map(claimantOf));
  const models = drafts.map(({ claims: _, label: __, ...model }) => ({ ...model, aliases: index.aliasesOf(model.id) }));
  return { models, index };
}

/** Adapters, importance matrices and vocabularies are no models; a broken file is one until the contrary is shown. */
function isListed(set: ReadSet): boolean {
  if (set.facts === null) return !/imatrix/i.test(set.parts.stem);
  return !['adapter', 'imatrix', 'vocabulary', 'projector'].includes(set.facts.kind);
}

function assignIds(
  targets: readonly ReadSet[],
  input: ListingInput,
  configuredBySet: ReadonlyMap<ReadSet | null, readonly ConfiguredFiles[]>,
): ReadonlyMap<string, string> {
  const taken = new Set(input.configured.map(({ entry }) => nameKey(entry.id)));
  const requests = targets.map((set): IdRequest => {
    const natural = [set.parts, ...set.sightings.map(({ parts }) => parts)].map(({ stem }) => {
      const { name, quantization } = namesOf(set, stem);
      return idOf(name, quantization);
    });
    return {
      path: set.first.path,
      otherPaths: set.sightings.map(({ path }) => path),
      naturalId: natural[0] ?? set.parts.stem,
      otherNaturalIds: natural.slice(1),
      folderName: folderNameOf(set),
      configuredId: configuredBySet.get(set)?.[0]?.entry.id ?? null,
    };
  });
  return input.ids.assign(requests, taken, input.isGone);
}

const namesOf = (set: ReadSet, stem = set.parts.stem): { name: string; quantization: string | null } =>
  nameOf({
    stem,
    quantization: set.facts?.quantization ?? null,
    fallbacks: [
      set.repositories[0]?.split('/').at(-1) ?? null,
      set.facts?.name ?? null,
      set.facts?.basename ?? null,
      set.first.repository === null ? basename(dirname(set.first.path)) : null,
    ],
  });

/** What tells two equal names apart best: a repository's owner, the program that keeps it, or the folder. */
function folderNameOf(set: ReadSet): string {
  const { repository, origin, path } = set.first;
  if (repository !== null) return repository.split('/')[0] ?? repository;
  return origin === 'ollama' ? origin : basename(dirname(path));
}

function pairAll(targets: readonly ReadSet[], projectors: readonly ReadSet[]): ReadonlyMap<string, ProjectorCandidate> {
  const asCandidate = (set: ReadSet): ProjectorCandidate => ({
    path: set.first.path,
    group: set.first.group,
    stem: set.parts.stem,
    facts: set.facts,
  });
  const pairs = pairProjectors(
    targets.map((set) => ({
      ...asCandidate(set),
      family: namesOf(set).name,
      isRepository: set.first.repository !== null,
    })),
    projectors.map(asCandidate),
  );
  // What another program's manifest says is certain.
  const byPath = new Map(projectors.map((set) => [set.first.path, set]));
  for (const { first, projectorPath } of targets) {
    const said = projectorPath === null ? undefined : byPath.get(projectorPath);
    if (said !== undefined && said.fault === null) pairs.set(first.path, asCandidate(said));
  }
  return pairs;
}

function discovered(
  set: ReadSet,
  ids: ReadonlyMap<string, string>,
  projectorByPath: ReadonlyMap<string, ProjectorCandidate>,
): Draft {
  const projector = projectorByPath.get(set.first.path) ?? null;
  return {
    label: set.parts.quantization ?? set.facts?.quantization ?? null,
    id: ids.get(set.first.path) ?? set.first.path,
    title: titleOf(set.facts?.name ?? null, set.parts.stem),
    origin: set.first.origin,
    ...filesOf(set),
    facts: set.facts,
    fault: set.fault,
    projectorPath: projector?.path ?? null,
    projectorFacts: projector?.facts ?? null,
    claims: claimsOf(set),
  };
}

const filesOf = (set: ReadSet): Pick<Draft, 'path' | 'files' | 'sizeBytes' | 'modifiedAt'> => ({
  path: set.first.path,
  files: set.files.map((file) => file.path),
  sizeBytes: set.files.reduce((total, file) => total + file.sizeBytes, 0),
  modifiedAt: set.files.reduce((latest, file) => Math.max(latest, file.modifiedAt), 0),
});

function configuredDraft(item: ConfiguredFiles, found: Draft | null): Draft {
  const { entry, projector } = item;
  const aliases = (entry.aliases ?? []).map((name): Claim => ({ name, strength: 'configured' }));
  const base: Omit<Draft, 'id' | 'origin' | 'claims'> = found ?? {
    label: null,
    title: titleOf(null, basename(item.path).replace(/\.gguf$/i, '')),
    path: item.path,
    files: [item.path],
    sizeBytes: 0,
    modifiedAt: 0,
    facts: null,
    fault: item.fault,
    projectorPath: null,
    projectorFacts: null,
  };
  return {
    ...base,
    id: entry.id,
    origin: 'config',
    title: entry.name ?? base.title,
    fault: item.fault ?? base.fault,
    ...(projector === 'automatic'
      ? {}
      : { projectorPath: projector?.first.path ?? null, projectorFacts: projector?.facts ?? null }),
    claims: [...aliases, ...(found === null ? [] : [{ name: found.id, strength: 'exact' as const }, ...found.claims])],
  };
}

const probeDraft = (probe: ReadSet): Draft => ({
  label: null,
  id: PROBE_ID,
  title: 'Drover probe',
  origin: 'probe',
  ...filesOf(probe),
  facts: probe.facts,
  fault: null,
  projectorPath: null,
  projectorFacts: null,
  claims: [],
});

/** All names that a set of files may be asked for by; which it gets, the index decides. */
function claimsOf(set: ReadSet): Claim[] {
  const { stem, name: ownName, quantization: ownLabel } = set.parts;
  const { name } = namesOf(set);
  const labels = [ownLabel, ownLabel?.replace(/^UD-/, ''), ownLabel === null ? set.facts?.quantization : null]
    .filter((label): label is string => label !== null && label !== undefined && label !== '')
    .filter((label, index, all) => all.indexOf(label) === index);
  // A blob has no name of its own: `stem` is made from what Ollama calls it.
  const isBlob = set.first.origin === 'ollama';
  const stems = isBlob ? [] : [stem, ...set.sightings.map(({ parts }) => parts.stem)];
  const exact = [
    ...set.givenNames,
    ...stems.flatMap((text) => [text, `${text}.gguf`]),
    ...labels.map((label) => `${name}:${label.toLowerCase()}`),
    ...set.repositories.flatMap((repository) => labels.map((label) => `${repository}:${label}`)),
  ];
  const general = [name, ...(isBlob || ownName === '' ? [] : [ownName]), ...set.repositories];
  for (const given of set.givenNames) if (given.includes(':')) general.push(given.slice(0, given.lastIndexOf(':')));
  return [
    ...exact.map((text): Claim => ({ name: text, strength: 'exact' })),
    ...general.map((text): Claim => ({ name: text, strength: 'general' })),
  ].filter((claim) => isFitForUse(claim.name));
}

const isFitForUse = (name: string): boolean =>
  name !== '' && name.length <= 256 && !/\p{Cc}/u.test(name) && !isReserved(name);

const claimantOf = (draft: Draft): Claimant => ({
  id: draft.id,
  claims: draft.claims,
  isUsable: draft.fault === null,
  quantization: draft.label,
  sizeBytes: draft.sizeBytes,
  files: draft.files,
});
