// One rung of the ladder: asks each source for a build, brings it into a folder out of sight, inspects it, proves it and
// only then gives it its name. What fails is remembered with its reason. It must never touch a build that is installed.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { extractArchive } from '../base/archive.ts';
import { Fault, toFault } from '../base/fault.ts';
import { syncFolder } from '../base/file.ts';
import { pause } from '../base/sync.ts';
import type { Backend, EngineBuild, EngineSource } from './build.ts';
import { isSafeBuild, type Rung } from './catalog.ts';
import { backendOf, type Inspection, inspectBuild } from './inspect.ts';
import {
  executableOf,
  forgetFailure,
  idPart,
  isBuildId,
  NEW_PREFIX,
  readFailures,
  readRecord,
  removeFolder,
  stampOf,
  writeFailure,
  writeRecord,
} from './installed.ts';
import { type ProofContext, proveBuild } from './proof.ts';
import { flattenServer, isFile, isFolder } from './sources/layout.ts';
import type { FetchProgress, LaunchRecipe, RemoteBuild, SourceDriver } from './sources/source.ts';

/** One thing that was tried and did not give a build. */
export interface Attempt {
  readonly backend: Backend;
  readonly source: string;
  /** The build's id or path; null where none was found. */
  readonly id: string | null;
  readonly reason: string;
}

export interface InstallContext extends ProofContext {
  readonly cacheFolder: string;
  readonly oldestBuild: number;
  readonly onProgress: (progress: FetchProgress) => void;
}

export interface ClimbContext extends InstallContext {
  readonly sources: readonly SourceDriver[];
  /** What did not work is added here. */
  readonly attempts: Attempt[];
  readonly machineKey: string;
  readonly version: string | null;
  /** True: what failed before on this machine is tried again. */
  readonly isForced: boolean;
}

/**
 * A proven build for a rung, or null with the reasons in `attempts`. Throws only when the signal aborts or this machine
 * cannot store anything (`disk_full`, `not_writable`): no other source would help then.
 */
export async function climb(rung: Rung, context: ClimbContext): Promise<EngineBuild | null> {
  const give = (source: string, id: string | null, reason: string): void => {
    context.attempts.push({ backend: rung.backend, source, id, reason });
    context.log.info('no engine from here', { backend: rung.backend, source, id, reason });
  };
  if (rung.request === null) return null;
  if (context.sources.length === 0)
    give('installed builds', null, 'none is installed for it, and no source is to be asked');
  for (const driver of context.sources) {
    const options = { signal: context.signal, onProgress: context.onProgress, cacheFolder: context.cacheFolder };
    let found: RemoteBuild | null = null;
    try {
      found = await driver.find({ ...rung.request, version: context.version }, options);
      if (found === null) {
        give(
          driver.source,
          null,
          context.version === null
            ? 'it has no build for this machine'
            : `it has no ${context.version} for this machine`,
        );
        continue;
      }
      if (!isBuildId(found.id))
        throw new Fault('bad_gateway', `It names its build ${JSON.stringify(found.id.slice(0, 80))}.`);
      const installed = readRecord(join(context.root, found.id))?.build ?? null;
      if (installed?.proof?.isGood === true) return installed;
      const known = readFailures(context.root).find(
        (failure) =>
          failure.id === found?.id && failure.source === driver.source && failure.machineKey === context.machineKey,
      );
      if (known !== undefined && !context.isForced) {
        give(driver.source, found.id, `it failed on this machine before: ${known.reason}`);
        continue;
      }
      const build = await bring(rung, driver, found, context);
      if (build.proof?.isGood === true) return build;
      give(driver.source, found.id, build.proof?.reason ?? 'it did not prove itself');
    } catch (thrown) {
      context.signal?.throwIfAborted();
      const fault = toFault(thrown);
      if (fault.kind === 'disk_full' || fault.kind === 'not_writable') throw fault;
      give(driver.source, found?.id ?? null, fault.message);
    }
  }
  return null;
}

/** Fetches a found build and proves it. Only a proven one is put in its place; another's failure is remembered. */
async function bring(
  rung: Rung,
  driver: SourceDriver,
  found: RemoteBuild,
  context: ClimbContext,
): Promise<EngineBuild> {
  return await inNewFolder(context.root, async (folder) => {
    const recipe = await driver.fetch(found, folder, {
      signal: context.signal,
      onProgress: context.onProgress,
      cacheFolder: context.cacheFolder,
    });
    context.signal?.throwIfAborted();
    const candidate = { id: found.id, backend: rung.backend, source: driver.source, folder };
    const failed = (reason: string): void =>
      writeFailure(context.root, {
        backend: rung.backend,
        source: driver.source,
        id: found.id,
        machineKey: context.machineKey,
        reason,
        at: Date.now(),
      });
    let build: EngineBuild;
    try {
      build = await inspectAndProve(candidate, recipe, context);
    } catch (thrown) {
      context.signal?.throwIfAborted();
      failed(toFault(thrown).message);
      throw thrown;
    }
    if (build.proof?.isGood !== true) {
      failed(build.proof?.reason ?? 'it did not prove itself');
      return build;
    }
    return await settle(build, found.id, context.machineKey, context);
  });
}

/**
 * Installs an archive or a folder that the user gives: copied into our folder, inspected, proved. A build that finds no
 * GPU becomes a CPU build, and says so by its name. Faults: `not_found`, `unprocessable`, `bad_gateway` with the reason.
 */
export async function installLocal(path: string, context: InstallContext): Promise<EngineBuild> {
  const full = resolve(path);
  if (!isFile(full) && !isFolder(full)) throw new Fault('not_found', `${full} does not exist.`);
  return await inNewFolder(context.root, async (folder) => {
    const unpacked = join(folder, '.unpacked');
    mkdirSync(unpacked);
    context.onProgress({ stage: 'unpack', name: basename(full), doneBytes: 0, totalBytes: null });
    if (isFolder(full)) cpSync(full, unpacked, { recursive: true, verbatimSymlinks: true });
    else {
      await extractArchive(full, unpacked, { signal: context.signal });
    }
    const recipe = flattenServer(unpacked, folder);
    const inspection = await inspectBuild(recipe, context);
    if (!isSafeBuild(inspection.buildNumber)) {
      context.log.warn('this engine is old and has known holes', { path: full, build: inspection.buildNumber });
    }
    const backend = backendOf(inspection.devices.map((device) => device.id));
    const part = inspection.buildNumber === null ? idPart(inspection.version) : `b${inspection.buildNumber}`;
    const id = `${part}-${backend}-local`;
    const build = await inspectAndProve({ id, backend, source: 'archive', folder }, recipe, context, inspection);
    if (build.proof?.isGood !== true) {
      throw new Fault(
        'bad_gateway',
        `${basename(full)} does not work on this machine: ${build.proof?.reason ?? 'no proof'}`,
        {
          hint: 'The engine in use stays as it is.',
        },
      );
    }
    return await settle(build, id, '', context);
  });
}

async function inspectAndProve(
  candidate: { readonly id: string; readonly backend: Backend; readonly source: EngineSource; readonly folder: string },
  recipe: LaunchRecipe,
  context: InstallContext,
  known?: Inspection,
): Promise<EngineBuild> {
  context.onProgress({ stage: 'prove', name: candidate.id, doneBytes: 0, totalBytes: null });
  const inspection = known ?? (await inspectBuild(recipe, context));
  const unproved: EngineBuild = { ...candidate, ...inspection, ...recipe, proof: null };
  return { ...unproved, proof: await proveBuild(unproved, context) };
}

/** Gives a proven build its name: the folder appears under it whole, with its record inside. */
async function settle(
  build: EngineBuild,
  id: string,
  machineKey: string,
  context: InstallContext,
): Promise<EngineBuild> {
  const executable = stampOf(executableOf(build));
  if (executable === null) throw new Fault('internal', `The executable of ${id} is gone.`);
  writeRecord({ build, executable, machineKey, installedAt: Date.now() });
  const home = join(context.root, id);
  // What has that name has no good proof, or is being installed again by its owner's wish.
  if (isFolder(home)) removeFolder(context.root, id);
  await moveFolder(build.folder, home);
  syncFolder(context.root);
  forgetFailure(context.root, id);
  const settled = readRecord(home)?.build;
  if (settled === undefined) throw new Fault('internal', `The record of ${id} cannot be read back.`);
  return settled;
}

/** On Windows a virus scanner may still hold what has just run; it lets go soon. */
async function moveFolder(from: string, to: string): Promise<void> {
  for (let triesLeft = process.platform === 'win32' ? 20 : 0; ; triesLeft -= 1) {
    try {
      renameSync(from, to);
      return;
    } catch (thrown) {
      if (triesLeft === 0) throw thrown;
      await pause(250);
    }
  }
}

async function inNewFolder<T>(root: string, task: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(root, NEW_PREFIX));
  // Made for its maker alone; nothing in it is secret.
  chmodSync(folder, 0o755);
  try {
    return await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `engine_unobtainable`, with every source and rung that was tried and its reason. */
export function unobtainable(ladder: readonly Rung[], attempts: readonly Attempt[], isOffline: boolean): Fault {
  const tried = attempts.map((attempt) => `${attempt.backend} from ${attempt.source}: ${attempt.reason}`);
  const passedOver = ladder.map((rung) => `${rung.backend}: ${rung.reason}`);
  const reasons = tried.length > 0 ? tried : passedOver;
  const message = isOffline
    ? 'No engine is installed, and offline none can be fetched.'
    : 'No engine could be obtained.';
  return new Fault('engine_unobtainable', [message, ...reasons.map((reason) => `- ${reason}`)].join('\n'), {
    blame: isOffline ? 'caller' : 'remote',
    hint: 'Without the internet: download a release archive of llama.cpp elsewhere and run `drover engine install FILE`, or give a llama-server with `--engine PATH`.',
    details: { attempts },
  });
}
