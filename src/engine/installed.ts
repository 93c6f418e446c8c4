// What is written down about builds: `build.json` in each build's folder, the pointer `current.json` and the failures in
// `rungs.json`. Every file is replaced as a whole; one that cannot be read counts as absent. It must never start anything.
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { writeFileAtomically } from '../base/file.ts';
import { BACKENDS, type Backend, type EngineBuild } from './build.ts';

const nullable = <T extends ReturnType<typeof Type.String | typeof Type.Number | typeof Type.Integer>>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const BackendSchema = Type.Union(BACKENDS.map((backend) => Type.Literal(backend)));

const RecordSchema = Type.Object({
  format: Type.Literal(1),
  id: Type.String({ minLength: 1 }),
  version: Type.String(),
  buildNumber: nullable(Type.Integer()),
  backend: BackendSchema,
  source: Type.Union(['given', 'github', 'debian', 'archive'].map((source) => Type.Literal(source as 'given'))),
  // `{folder}` stands for the build's folder, so that a data directory can be moved.
  launch: Type.Array(Type.String(), { minItems: 1 }),
  environment: Type.Record(Type.String(), Type.String()),
  flags: Type.Array(Type.String()),
  devices: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      totalBytes: nullable(Type.Number()),
      freeBytes: nullable(Type.Number()),
    }),
  ),
  proof: Type.Union([
    Type.Object({
      at: Type.Number(),
      isGood: Type.Boolean(),
      bufferDevices: Type.Array(Type.String()),
      tokensPerSecond: nullable(Type.Number()),
      reason: nullable(Type.String()),
    }),
    Type.Null(),
  ]),
  // What the flags, the devices and the proof were read from: they are stale when this changes.
  executable: Type.Object({ path: Type.String(), sizeBytes: Type.Number(), modifiedAt: Type.Number() }),
  machineKey: Type.String(),
  installedAt: Type.Number(),
});
type StoredRecord = Static<typeof RecordSchema>;

/** A build and what it was inspected with. */
export interface BuildRecord {
  readonly build: EngineBuild;
  readonly executable: ExecutableStamp;
  /** The GPUs and drivers that its devices and proof belong to; see `machineKeyOf`. */
  readonly machineKey: string;
  /** Epoch milliseconds. */
  readonly installedAt: number;
}

export interface ExecutableStamp {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

/** Size and time of a build's executable; null where it is not there. */
export function stampOf(path: string): ExecutableStamp | null {
  try {
    const status = statSync(path);
    return status.isFile() ? { path, sizeBytes: status.size, modifiedAt: Math.round(status.mtimeMs) } : null;
  } catch {
    return null;
  }
}

export const isSameStamp = (left: ExecutableStamp | null, right: ExecutableStamp | null): boolean =>
  left !== null &&
  right !== null &&
  left.path === right.path &&
  left.sizeBytes === right.sizeBytes &&
  left.modifiedAt === right.modifiedAt;

/** The executable of a build: the last word of its `launch`. */
export const executableOf = (build: Pick<EngineBuild, 'launch'>): string => build.launch.at(-1) ?? '';

const FOLDER = '{folder}';
export const RECORD_FILE = 'build.json';

/** Writes the record of a build into `file`, its folder's `build.json` unless told otherwise. */
export function writeRecord(record: BuildRecord, file = join(record.build.folder, RECORD_FILE)): void {
  const { build } = record;
  const pack = (text: string): string => text.replaceAll(build.folder, FOLDER);
  const stored: StoredRecord = {
    format: 1,
    id: build.id,
    version: build.version,
    buildNumber: build.buildNumber,
    backend: build.backend,
    source: build.source as StoredRecord['source'],
    launch: build.launch.map(pack),
    environment: Object.fromEntries(Object.entries(build.environment).map(([name, text]) => [name, pack(text)])),
    flags: [...build.flags],
    devices: [...build.devices],
    proof: build.proof === null ? null : { ...build.proof, bufferDevices: [...build.proof.bufferDevices] },
    executable: { ...record.executable, path: pack(record.executable.path) },
    machineKey: record.machineKey,
    installedAt: record.installedAt,
  };
  writeFileAtomically(file, `${JSON.stringify(stored, null, 1)}\n`);
}

/** Reads the record of the build in `folder`; null where there is none, a broken one, or its executable has vanished. */
export function readRecord(folder: string, file = join(folder, RECORD_FILE)): BuildRecord | null {
  const stored = readJson(file);
  if (!Value.Check(RecordSchema, stored)) return null;
  const unpack = (text: string): string => text.replaceAll(FOLDER, folder);
  const build: EngineBuild = {
    id: stored.id,
    version: stored.version,
    buildNumber: stored.buildNumber,
    backend: stored.backend,
    source: stored.source,
    folder,
    launch: stored.launch.map(unpack),
    environment: Object.fromEntries(Object.entries(stored.environment).map(([name, text]) => [name, unpack(text)])),
    flags: new Set(stored.flags),
    devices: stored.devices,
    proof: stored.proof,
  };
  if (stampOf(executableOf(build)) === null) return null;
  return {
    build,
    executable: { ...stored.executable, path: unpack(stored.executable.path) },
    machineKey: stored.machineKey,
    installedAt: stored.installedAt,
  };
}

/** All builds below `root`, newest installation first. */
export function readRecords(root: string): BuildRecord[] {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch {
    return [];
  }
  return names
    .filter((name) => isBuildId(name))
    .map((name) => readRecord(join(root, name)))
    .filter((record) => record !== null)
    .sort((left, right) => right.installedAt - left.installedAt || (left.build.id < right.build.id ? 1 : -1));
}

/** A name that may be a build's folder: no separator, no leading dot, nothing that a file system reads otherwise. */
export const isBuildId = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}$/.test(name) && !name.endsWith('.');

/** Makes a version text fit to be part of a folder's name. */
export const idPart = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9._+~-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
    .slice(0, 60) || 'unknown';

const PointerSchema = Type.Object({
  id: Type.String(),
  previousId: nullable(Type.String()),
  isServed: Type.Boolean(),
  // True where a person chose it; then a better one that lies ready does not take its place.
  isChosen: Type.Optional(Type.Boolean()),
});
/** Which build is current and which one to go back to. */
export type Pointer = Readonly<Static<typeof PointerSchema>>;
export const POINTER_FILE = 'current.json';

export function readPointer(root: string): Pointer | null {
  const stored = readJson(join(root, POINTER_FILE));
  return Value.Check(PointerSchema, stored) && isBuildId(stored.id) ? stored : null;
}

export const writePointer = (root: string, pointer: Pointer): void =>
  writeFileAtomically(join(root, POINTER_FILE), `${JSON.stringify(pointer)}\n`);

const FailureSchema = Type.Object({
  backend: BackendSchema,
  source: Type.String(),
  id: Type.String(),
  machineKey: Type.String(),
  reason: Type.String(),
  at: Type.Number(),
});
/** A build that was fetched and did not prove itself on this machine. */
export interface RungFailure {
  readonly backend: Backend;
  readonly source: string;
  /** The build's id; the failure is about this version alone. */
  readonly id: string;
  readonly machineKey: string;
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export function readFailures(root: string): RungFailure[] {
  const stored = readJson(join(root, 'rungs.json'));
  return Array.isArray(stored) ? stored.filter((entry) => Value.Check(FailureSchema, entry)) : [];
}

/** Keeps the latest failure of each build, 50 at most. */
export function writeFailure(root: string, failure: RungFailure): void {
  const others = readFailures(root).filter((entry) => entry.id !== failure.id || entry.source !== failure.source);
  writeFileAtomically(join(root, 'rungs.json'), `${JSON.stringify([...others, failure].slice(-50), null, 1)}\n`);
}

/** Forgets what is known against a build that has now proved itself. */
export function forgetFailure(root: string, id: string): void {
  const failures = readFailures(root);
  const kept = failures.filter((entry) => entry.id !== id);
  if (kept.length < failures.length)
    writeFileAtomically(join(root, 'rungs.json'), `${JSON.stringify(kept, null, 1)}\n`);
}

/** Prefixes of folders that are being made or thrown away; what a killed run leaves behind has one of them. */
export const NEW_PREFIX = '.new-';
export const OLD_PREFIX = '.old-';

/** Removes what killed runs left behind. Only to be called while the install lock is held. */
export function sweepLeftovers(root: string): void {
  for (const name of readdirSync(root)) {
    const isLeftover =
      name.startsWith(NEW_PREFIX) || name.startsWith(OLD_PREFIX) || /^\..*\.[0-9a-f]{12}\.tmp$/.test(name);
    if (isLeftover) rmSync(join(root, name), { recursive: true, force: true });
  }
}

/** Takes a folder out of sight in one step, then deletes it; a crash in between leaves only what the next sweep removes. */
export function removeFolder(root: string, name: string): void {
  const hidden = join(root, `${OLD_PREFIX}${name}-${Date.now()}`);
  if (!join(root, name).startsWith(root + sep)) return;
  renameSync(join(root, name), hidden);
  rmSync(hidden, { recursive: true, force: true });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
