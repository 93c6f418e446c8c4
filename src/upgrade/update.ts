// The course of an update: what is newest, fetched, checked, unpacked, tried out, put in place. It must never leave a path
// without an executable that works, nor put an older one, or an untried one, in place.
import { existsSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { extractArchive } from '../base/archive.ts';
import { Fault, toFault } from '../base/fault.ts';
import { sha256OfFile } from '../base/file-sha256.ts';
import { dropOlder, exchange, type Installation, openInstallation, putBack, putNext } from './installation.ts';
import { archiveFor, isNewer, type Manifest, type ReleaseArchive } from './manifest.ts';
import { fetchArchive, newestRelease, type ReleaseSource } from './release.ts';
import { type TrialOptions, tryOut, versionOf } from './trial.ts';

export type UpdateStep = 'looking' | 'fetching' | 'fetched' | 'unpacked' | 'tried' | 'kept' | 'replaced';

export interface UpdateOptions extends ReleaseSource, TrialOptions {
  readonly installation: Installation;
  /** Of this executable. */
  readonly version: string;
  /** As releases name systems. */
  readonly target: string;
  /** Where the archive is fetched to. */
  readonly cacheFolder: string;
  /** Has who runs the old one go over to this version, which is in place. What it throws undoes that. */
  readonly goOver?: (version: string) => Promise<void>;
  readonly onStep?: (step: UpdateStep) => void;
  readonly onProgress?: (what: string, doneBytes: number, totalBytes: number) => void;
}

export interface Looked {
  readonly current: string;
  readonly newest: string;
  readonly isNewer: boolean;
  /** Epoch seconds of its source; null: unknown. */
  readonly sourceSeconds: number | null;
  /** To fetch. */
  readonly sizeBytes: number;
}

type LookOptions = ReleaseSource & Pick<UpdateOptions, 'version' | 'target'>;

export async function look(options: LookOptions): Promise<Looked> {
  return lookedAt(options, await newestRelease(options));
}

const lookedAt = ({ version, target }: LookOptions, manifest: Manifest): Looked => ({
  current: version,
  newest: manifest.version,
  isNewer: isNewer(manifest.version, version),
  sourceSeconds: manifest.sourceSeconds,
  sizeBytes: archiveFor(manifest, target).sizeBytes,
});

/** Resolves with what it found; `isNewer` says whether anything was done. Whatever it throws, the executable is the old one. */
export async function update(options: UpdateOptions): Promise<Looked> {
  const { installation, onStep } = options;
  onStep?.('looking');
  const manifest = await newestRelease(options);
  const looked = lookedAt(options, manifest);
  if (!looked.isNewer) return looked;
  using _held = openInstallation(installation);
  const archive = archiveFor(manifest, options.target);
  onStep?.('fetching');
  const path = await fetchArchive(options, manifest, archive, {
    folder: options.cacheFolder,
    onProgress: (doneBytes, totalBytes) => options.onProgress?.(`drover ${manifest.version}`, doneBytes, totalBytes),
  });
  onStep?.('fetched');
  try {
    await unpack(path, archive, options);
    onStep?.('unpacked');
    await tryOut(installation.next, manifest.version, options);
    onStep?.('tried');
    options.signal?.throwIfAborted();
    putNext(installation, (step) => onStep?.(step));
  } catch (thrown) {
    rmSync(dirname(installation.next), { recursive: true, force: true });
    dropOlder(installation);
    throw thrown;
  }
  rmSync(path, { force: true });
  await goOver(options, manifest.version, () => putBack(installation));
  dropOlder(installation);
  return looked;
}

async function goOver(options: Pick<UpdateOptions, 'goOver'>, version: string, undo: () => void): Promise<void> {
  try {
    await options.goOver?.(version);
  } catch (thrown) {
    undo();
    const fault = toFault(thrown);
    throw new Fault(fault.kind, `${version} was put in place, but: ${fault.message} The version before is back.`, {
      hint: fault.hint ?? 'drover logs tells more.',
      cause: fault,
    });
  }
}

/** Only the program comes out, and only if it is the one that the manifest promises. */
async function unpack(path: string, archive: ReleaseArchive, options: UpdateOptions): Promise<void> {
  const { program } = archive;
  const { next } = options.installation;
  const wanted = `${program.folder}/${program.name}`;
  const name = basename(next);
  const names = await extractArchive(path, dirname(next), {
    select: (entry) => (entry === wanted ? name : null),
    signal: options.signal,
    limits: { bytes: 2 * 1024 ** 3 },
  });
  if (names.includes(name) && (await sha256OfFile(next)) === program.sha256) return;
  throw new Fault('bad_gateway', `${archive.fileName} does not hold the executable that its release promises.`, {
    hint: 'Nothing was changed. Tell the maintainers.',
    blame: 'remote',
  });
}

export interface RolledBack {
  readonly from: string;
  readonly to: string;
}

/** Back to the one before; a second time undoes that. Throws `not_found` where there is none, `unavailable` where it does not run. */
export async function rollBack(
  options: Pick<UpdateOptions, 'installation' | 'version' | 'environment' | 'goOver' | 'signal'>,
): Promise<RolledBack> {
  const { installation, version } = options;
  using _held = openInstallation(installation);
  const { program, previous } = installation;
  if (!existsSync(previous) || (await sha256OfFile(previous)) === (await sha256OfFile(program))) {
    throw new Fault('not_found', 'There is no version before this one to go back to.', {
      hint: 'An update keeps the one that it replaces.',
    });
  }
  const to = await versionOf(previous, options);
  exchange(installation);
  await goOver(options, to, () => exchange(installation));
  return { from: version, to };
}
