// The engines of a data directory: which builds are there, which one is current, how another is brought, proved, made
// current and taken back. What works is never touched before something else has proved itself.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { FileLock, Mailbox } from '../base/sync.ts';
import type { EngineBuild, Proof } from './build.ts';
import { OLDEST_SAFE_BUILD, type Rung } from './catalog.ts';
import { inspectDevices } from './inspect.ts';
import { type Attempt, climb, installLocal, unobtainable } from './install-climb.ts';
import { refusalOf, useGiven } from './install-given.ts';
import { lockFile, takeLock } from './install-lock.ts';
import type { EnginesOptions, EnsureOptions, InstallOptions, RungStatus } from './install-options.ts';
import {
  executableOf,
  isBuildId,
  isSameStamp,
  POINTER_FILE,
  type Pointer,
  RECORD_FILE,
  readFailures,
  readPointer,
  readRecord,
  readRecords,
  removeFolder,
  stampOf,
  sweepLeftovers,
  writePointer,
  writeRecord,
} from './installed.ts';
import { proveBuild } from './proof.ts';
import { findOnPath } from './sources/local.ts';
import type { FetchProgress } from './sources/source.ts';

export type { EnginesOptions, EnsureOptions, InstallOptions, RungStatus } from './install-options.ts';

/** Opens the engines of a data directory. Cheap: it starts nothing and reads nothing yet. */
export const openEngines = (options: EnginesOptions): Engines => new Engines(options);

export class Engines {
  readonly #options: EnginesOptions;
  readonly #mailbox = new Mailbox();
  #given: EngineBuild | null = null;
  #cached: { readonly mark: string; readonly build: EngineBuild } | null = null;

  constructor(options: EnginesOptions) {
    this.#options = options;
  }

  get folder(): string {
    return this.#options.folder;
  }

  /** Every installed build whose files are there, newest installation first. */
  list(): EngineBuild[] {
    return readRecords(this.folder).map((record) => record.build);
  }

  /**
   * The build to start models with, or null. Cheap and synchronous: two small files, read again only when they change.
   * Where the current build's folder has vanished, the previous one stands in.
   */
  current(): EngineBuild | null {
    if (this.#given !== null) return this.#given;
    if (this.#cached !== null && this.#cached.mark === this.#markOf(this.#cached.build)) return this.#cached.build;
    const build = this.#resolveCurrent();
    // One that stands in, or none, may be put right by anybody at any time: only the true one is kept in mind.
    const isTrue = build !== null && build.id === readPointer(this.folder)?.id;
    this.#cached = isTrue ? { mark: this.#markOf(build), build } : null;
    return build;
  }

  /** Changes whenever the pointer, the build's record or its executable does. */
  #markOf(build: EngineBuild): string {
    const paths = [join(this.folder, POINTER_FILE), join(build.folder, RECORD_FILE), executableOf(build)];
    return paths.map(changeMark).join('|');
  }

  #resolveCurrent(): EngineBuild | null {
    const pointer = readPointer(this.folder);
    if (pointer === null) return null;
    const current = this.#find(pointer.id);
    if (current !== null) return current;
    const previous = pointer.previousId === null ? null : this.#find(pointer.previousId);
    this.#options.log.warn('the current engine has vanished', { id: pointer.id, instead: previous?.id ?? null });
    return previous;
  }

  /** The build that `rollback` would go back to, or null. */
  previous(): EngineBuild | null {
    const id = readPointer(this.folder)?.previousId ?? null;
    return id === null ? null : this.#find(id);
  }

  /**
   * A build that is fit to serve: the given one, else the current one, else the best installed one, else the first that
   * the ladder gives. Only the last of these takes time. Faults: `engine_unobtainable` with every reason in
   * `details.attempts`; what is wrong with a given engine.
   */
  async ensure(options: EnsureOptions): Promise<EngineBuild> {
    const given = options.given ?? null;
    if (given !== null) {
      const machineKey = options.ladder[0]?.machineKey ?? '';
      this.#given = await useGiven(given, 'given', machineKey, this.#context(options));
      return this.#given;
    }
    this.#given = null;
    const settled = this.#settled(options.ladder);
    if (settled !== null) return settled;
    return this.#alone(options, async () => {
      // Somebody else may have installed it while we waited.
      const meanwhile = this.#settled(options.ladder);
      if (meanwhile !== null) return meanwhile;
      return this.#climb(options, { mayUsePath: true });
    });
  }

  /** What needs no work: the current build where the ladder offers its backend, else the best installed and proven one. */
  #settled(ladder: readonly Rung[]): EngineBuild | null {
    const offered = ladder.filter((rung) => rung.isOffered).map((rung) => rung.backend);
    const current = this.current();
    if (current !== null && offered.includes(current.backend)) return current;
    const installed = this.list().filter((build) => build.proof?.isGood === true);
    for (const backend of offered) {
      const build = installed.find((candidate) => candidate.backend === backend);
      if (build === undefined) continue;
      this.#point(build.id);
      return build;
    }
    return null;
  }

  /** Climbs the ladder afresh, or brings one exact version; what is found becomes current once it has proved itself. */
  install(options: EnsureOptions & { readonly version?: string | null }): Promise<EngineBuild> {
    return this.#alone(options, () => this.#climb(options, { version: options.version ?? null, isForced: true }));
  }

  /** Installs an archive or a folder of the user's own; it becomes current once it has proved itself. */
  installFrom(path: string, options: InstallOptions = {}): Promise<EngineBuild> {
    return this.#alone(options, async () => {
      const build = await installLocal(path, this.#context(options));
      this.#point(build.id);
      return build;
    });
  }

  /**
   * The newest build of the current backend or a better one. The current build stays where nothing newer proves itself:
   * then this throws `engine_unobtainable` with the reasons, unless the newest is the current one.
   */
  update(options: EnsureOptions): Promise<EngineBuild> {
    return this.#alone(options, () => {
      const current = this.current();
      const lowest = options.ladder.findIndex((rung) => rung.isOffered && rung.backend === current?.backend);
      const ladder = lowest < 0 ? options.ladder : options.ladder.slice(0, lowest + 1);
      return this.#climb({ ...options, ladder }, {});
    });
  }

  /** Makes an installed build current; one that has not proved itself yet does so first. */
  use(id: string, options: InstallOptions = {}): Promise<EngineBuild> {
    return this.#alone(options, async () => {
      const build = this.#known(id);
      const proof = build.proof?.isGood === true ? build.proof : await this.prove(build, options);
      if (!proof.isGood) {
        throw new Fault('bad_gateway', `${id} does not work on this machine: ${proof.reason}`, {
          hint: 'The engine in use stays. `drover doctor` shows what works.',
        });
      }
      this.#point(id);
      return this.#known(id);
    });
  }

  /** Goes back to the previous build. Fault `not_found` where there is none. */
  rollback(options: InstallOptions = {}): Promise<EngineBuild> {
    return this.#alone(options, async () => {
      const previous = this.previous();
      if (previous === null) {
        throw new Fault('not_found', 'There is no previous engine to go back to.', {
          hint: '`drover engine ls` shows what is installed; `drover engine use ID` chooses one.',
        });
      }
      this.#point(previous.id);
      return previous;
    });
  }

  /** Deletes an installed build. Fault `conflict` for the current one. */
  remove(id: string, options: InstallOptions = {}): Promise<void> {
    return this.#alone(options, async () => {
      this.#known(id);
      const pointer = readPointer(this.folder);
      if (this.current()?.id === id || pointer?.id === id) {
        throw new Fault('conflict', `${id} is the engine in use.`, {
          hint: 'Choose another one first: `drover engine use ID`.',
        });
      }
      removeFolder(this.folder, id);
      if (pointer?.previousId === id) writePointer(this.folder, { ...pointer, previousId: null });
    });
  }

  /**
   * Says that the current build has answered a real request. The first time, builds that it supersedes (older fetched
   * ones of the same backend, except the previous one) are deleted. Cheap afterwards.
   */
  markServed(): void {
    const pointer = readPointer(this.folder);
    const current = this.current();
    if (this.#given !== null || pointer === null || pointer.isServed || current?.id !== pointer.id) return;
    const lock = FileLock.tryTake(lockFile(this.folder));
    if (lock === null) return;
    using _ = lock;
    writePointer(this.folder, { ...pointer, isServed: true });
    for (const { build } of readRecords(this.folder)) {
      const isFetched = build.source === 'github' || build.source === 'debian';
      const isKept = build.id === pointer.id || build.id === pointer.previousId;
      if (!isFetched || isKept || build.backend !== current.backend) continue;
      try {
        removeFolder(this.folder, build.id);
        this.#options.log.info('removed a superseded engine', { id: build.id });
      } catch (thrown) {
        this.#options.log.warn('a superseded engine could not be removed', { id: build.id, reason: String(thrown) });
      }
    }
  }

  /** Runs the probe model on a build and writes down what came of it. */
  async prove(build: EngineBuild, options: InstallOptions = {}): Promise<Proof> {
    const proof = await proveBuild(build, this.#context(options));
    const record = readRecord(build.folder);
    if (record !== null && record.build.id === build.id) writeRecord({ ...record, build: { ...record.build, proof } });
    return proof;
  }

  /**
   * Reads the current build's devices again where the drivers or the executable changed since they were read, and proves
   * it again: what worked with another driver may not work with this one. Returns the build as it is now.
   * Starts nothing where nothing changed; meant for after start-up and for `doctor`.
   */
  async refresh(machineKey: string, options: InstallOptions = {}): Promise<EngineBuild | null> {
    const current = this.current();
    if (current === null || this.#given !== null) return current;
    const record = readRecord(current.folder);
    if (
      record === null ||
      (record.machineKey === machineKey && isSameStamp(record.executable, stampOf(record.executable.path)))
    )
      return current;
    const devices = await inspectDevices(current, this.#context(options));
    const proof = await proveBuild({ ...current, devices }, this.#context(options));
    const executable = stampOf(executableOf(current)) ?? record.executable;
    writeRecord({ ...record, machineKey, executable, build: { ...record.build, devices, proof } });
    if (!proof.isGood)
      this.#options.log.warn('the engine no longer proves itself', { id: current.id, reason: proof.reason });
    return this.current();
  }

  /** Where each rung stands: what is installed for it and what failed, with reasons. Starts nothing. */
  ladderStatus(ladder: readonly Rung[]): RungStatus[] {
    const installed = this.list();
    const failures = readFailures(this.folder);
    return ladder.map((rung) => ({
      rung,
      installed: installed.filter((build) => build.backend === rung.backend),
      failures: failures.filter((failure) => failure.backend === rung.backend),
    }));
  }

  /**
   * The best rung above the current build that failed with other drivers and deserves another try, or null.
   * Whoever gets one may call `update`; nothing is fetched unasked.
   */
  rungToRetry(ladder: readonly Rung[]): Rung | null {
    const current = this.current();
    const failures = readFailures(this.folder);
    for (const rung of ladder.filter((candidate) => candidate.isOffered)) {
      if (rung.backend === current?.backend) return null;
      const own = failures.filter((failure) => failure.backend === rung.backend);
      if (own.length > 0 && own.every((failure) => failure.machineKey !== rung.machineKey)) return rung;
    }
    return null;
  }

  async #climb(
    options: EnsureOptions,
    how: { readonly version?: string | null; readonly isForced?: boolean; readonly mayUsePath?: boolean },
  ): Promise<EngineBuild> {
    const attempts: Attempt[] = [];
    for (const rung of options.ladder) {
      if (!rung.isOffered) continue;
      const found = how.mayUsePath === true ? await this.#fromPath(rung, options, attempts) : null;
      if (found !== null) return found;
      const build = await climb(rung, {
        ...this.#context(options),
        attempts,
        sources: options.isOffline === true ? [] : this.#options.sources,
        version: how.version ?? null,
        isForced: how.isForced === true,
      });
      if (build === null) continue;
      this.#point(build.id);
      return build;
    }
    throw unobtainable(options.ladder, attempts, options.isOffline === true);
  }

  /** A llama-server on PATH is as good as a fetched one where it is new enough and proves itself for this very backend. */
  async #fromPath(rung: Rung, options: EnsureOptions, attempts: Attempt[]): Promise<EngineBuild | null> {
    const path = options.pathVariable === undefined ? null : findOnPath(options.pathVariable);
    if (path === null) return null;
    try {
      const build = await useGiven(path, 'path', rung.machineKey, this.#context(options));
      const refusal = refusalOf(build, rung.backend, this.#options.oldestBuild ?? OLDEST_SAFE_BUILD);
      if (refusal === null) {
        this.#given = build;
        return build;
      }
      attempts.push({ backend: rung.backend, source: 'PATH', id: path, reason: refusal });
    } catch (thrown) {
      options.signal?.throwIfAborted();
      attempts.push({
        backend: rung.backend,
        source: 'PATH',
        id: path,
        reason: thrown instanceof Error ? thrown.message : String(thrown),
      });
    }
    return null;
  }

  #find(id: string): EngineBuild | null {
    if (!isBuildId(id)) return null;
    return readRecord(join(this.folder, id))?.build ?? null;
  }

  #known(id: string): EngineBuild {
    const build = this.#find(id);
    if (build !== null) return build;
    const names = this.list().map((entry) => entry.id);
    throw new Fault('not_found', `There is no engine ${id}.`, {
      hint: names.length === 0 ? 'None is installed: `drover engine install`.' : `Installed: ${names.join(', ')}.`,
      details: { nearNames: names },
    });
  }

  #point(id: string): void {
    const before = readPointer(this.folder);
    if (before?.id === id) return;
    const old = before === null ? null : (this.#find(before.id)?.id ?? before.previousId);
    const pointer: Pointer = { id, previousId: old === id ? null : old, isServed: false };
    writePointer(this.folder, pointer);
    this.#given = null;
    this.#options.log.info('engine in use', { id, previous: pointer.previousId });
  }

  /** One change at a time: in this process by the mailbox, between processes by a lock that dies with its holder. */
  #alone<T>(options: InstallOptions, task: () => Promise<T>): Promise<T> {
    return this.#mailbox.send(async () => {
      options.signal?.throwIfAborted();
      mkdirSync(this.folder, { recursive: true });
      const context = this.#context(options);
      using _ = await takeLock(this.folder, context);
      sweepLeftovers(this.folder);
      return await task();
    });
  }

  #context(options: InstallOptions) {
    const { folder, cacheFolder, environment, log, probeModel, proofTimeoutMs, oldestBuild } = this.#options;
    return {
      root: folder,
      cacheFolder,
      environment,
      log,
      probeModel,
      proofTimeoutMs,
      oldestBuild: oldestBuild ?? OLDEST_SAFE_BUILD,
      signal: options.signal,
      onProgress: (progress: FetchProgress): void => {
        this.#options.onProgress?.(progress);
        options.onProgress?.(progress);
      },
    };
  }
}

function changeMark(path: string): string {
  try {
    const status = statSync(path);
    return `${path}:${status.mtimeMs}:${status.size}:${status.ino}`;
  } catch {
    return `${path}:-`;
  }
}
