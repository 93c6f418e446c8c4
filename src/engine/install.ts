// The engines of a data directory: which builds are there, which one is current, how another is brought, proved, made
// current and taken back. What works is never touched before something else has proved itself.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, toFault } from '../base/fault.ts';
import { FileLock, Mailbox } from '../base/sync.ts';
import type { EngineBuild, Proof } from './build.ts';
import { OLDEST_SAFE_BUILD, type Rung } from './catalog.ts';
import { inspectDevices } from './inspect.ts';
import { type Attempt, climb, installLocal, unobtainable } from './install-climb.ts';
import { useGiven, usePath } from './install-given.ts';
import { lockFile, takeLock } from './install-lock.ts';
import type { EnginesOptions, EnsureOptions, InstallOptions, RungStatus } from './install-options.ts';
import { deviceVariables, isOffered, ladderStatus, pruneSuperseded, rungToRetry } from './install-status.ts';
import {
  executableOf,
  isBuildId,
  isSameStamp,
  POINTER_FILE,
  type Pointer,
  RECORD_FILE,
  readPointer,
  readRecord,
  readRecords,
  removeFolder,
  stampOf,
  sweepLeftovers,
  writeFailure,
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
   * the ladder gives. After a change of drivers the current one proves itself again first. Without one and without news
   * nothing is started. Faults: `engine_unobtainable` with every reason in `details.attempts`; what is wrong with a
   * given engine.
   */
  async ensure(options: EnsureOptions): Promise<EngineBuild> {
    const given = options.given ?? null;
    if (given !== null) {
      this.#given = await useGiven(given, 'given', this.#keyOf(options.ladder), this.#context(options));
      return this.#given;
    }
    if (this.#given?.id === 'given') this.#given = null;
    const ready = this.#ready(options);
    if (ready !== null && !this.#isStale(ready, this.#keyOf(options.ladder))) return ready;
    return this.#alone(options, async () => {
      // Somebody else may have installed one while we waited.
      const known = this.#ready(options) ?? this.#takeInstalled(options.ladder);
      const build = known === null ? null : await this.#freshen(known, this.#keyOf(options.ladder), options);
      if (build !== null && build.proof?.isGood !== false) return build;
      try {
        return await this.#climb(options, { mayUsePath: true });
      } catch (thrown) {
        options.signal?.throwIfAborted();
        // Worse than planned, and said so by its proof, is better than nothing.
        if (build === null) throw thrown;
        this.#options.log.warn('no better engine was found', { id: build.id, reason: toFault(thrown).message });
        return build;
      }
    });
  }

  /** The engine in use, unless the ladder does not offer its backend or offers a better one that lies ready. */
  #ready({ ladder, isAutomatic }: Pick<EnsureOptions, 'ladder' | 'isAutomatic'>): EngineBuild | null {
    const current = this.current();
    if (current === null) return null;
    const isChosen = this.#given !== null || readPointer(this.folder)?.isChosen === true;
    if (!isOffered(ladder, current.backend)) return isChosen && isAutomatic === true ? current : null;
    return isChosen || (this.#bestInstalled(ladder)?.backend ?? current.backend) === current.backend ? current : null;
  }

  #bestInstalled(ladder: readonly Rung[]): EngineBuild | null {
    const good = this.list().filter((build) => build.proof?.isGood === true);
    const rung = ladder.find((entry) => entry.isOffered && good.some((build) => build.backend === entry.backend));
    return good.find((build) => build.backend === rung?.backend) ?? null;
  }

  #takeInstalled(ladder: readonly Rung[]): EngineBuild | null {
    const best = this.#bestInstalled(ladder);
    if (best !== null) this.#point(best.id);
    return best;
  }

  /** Climbs the ladder afresh, or brings one exact version; what is found becomes current once it has proved itself. */
  install(options: EnsureOptions & { readonly version?: string | null }): Promise<EngineBuild> {
    return this.#alone(options, () => this.#climb(options, { version: options.version ?? null, isForced: true }));
  }

  /** Installs an archive or a folder of the user's own; it becomes current once it has proved itself. */
  installFrom(path: string, options: InstallOptions = {}): Promise<EngineBuild> {
    return this.#alone(options, async () => {
      const build = await installLocal(path, this.#context(options));
      this.#point(build.id, true);
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
      this.#point(id, true);
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
      this.#point(previous.id, true);
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
    if (this.#given !== null || pointer === null || pointer.isServed || this.current()?.id !== pointer.id) return;
    const lock = FileLock.tryTake(lockFile(this.folder));
    if (lock === null) return;
    using _ = lock;
    writePointer(this.folder, { ...pointer, isServed: true });
    pruneSuperseded(this.folder, pointer, this.#options.log);
  }

  /** Runs the probe model on a build and writes down what came of it. */
  async prove(build: EngineBuild, options: InstallOptions = {}): Promise<Proof> {
    const proof = await proveBuild(build, this.#context(options));
    const record = readRecord(build.folder);
    if (record !== null && record.build.id === build.id) writeRecord({ ...record, build: { ...record.build, proof } });
    return proof;
  }

  /**
   * Reads the current build's devices again and proves it again where drivers or the executable changed since; what
   * worked with another driver may not work with this one. Starts nothing where nothing changed.
   */
  refresh(ladder: readonly Rung[], options: InstallOptions = {}): Promise<EngineBuild | null> {
    const current = this.current();
    if (current === null || !this.#isStale(current, this.#keyOf(ladder))) return Promise.resolve(current);
    return this.#alone(options, () => this.#freshen(current, this.#keyOf(ladder), options));
  }

  /** Where each rung stands: what is installed for it and what failed, with reasons. Starts nothing. */
  ladderStatus = (ladder: readonly Rung[]): RungStatus[] => ladderStatus(this.folder, ladder);

  /**
   * The best rung above the current build that failed with other drivers and deserves another try, or null.
   * Whoever gets one may call `update`; nothing is fetched unasked.
   */
  rungToRetry = (ladder: readonly Rung[]): Rung | null =>
    rungToRetry(this.folder, ladder, this.current()?.backend ?? null, (rung) => this.#keyOf([rung]));

  #isStale(build: EngineBuild, machineKey: string): boolean {
    if (this.#given !== null) return false;
    const record = readRecord(build.folder);
    // Installed from a file just now: it was proved on this machine, as it is.
    if (record?.machineKey === '') writeRecord({ ...record, machineKey });
    return (
      record !== null &&
      record.machineKey !== '' &&
      (record.machineKey !== machineKey || !isSameStamp(record.executable, stampOf(record.executable.path)))
    );
  }

  async #freshen(build: EngineBuild, machineKey: string, options: InstallOptions): Promise<EngineBuild> {
    const record = readRecord(build.folder);
    if (record === null || !this.#isStale(build, machineKey)) return build;
    const context = this.#context(options);
    const devices = await inspectDevices(build, context).catch((thrown: unknown) => {
      options.signal?.throwIfAborted();
      this.#options.log.warn('the engine no longer tells its devices', { id: build.id, reason: String(thrown) });
      return [];
    });
    const proof = await proveBuild({ ...build, devices }, context);
    const executable = stampOf(executableOf(build)) ?? record.executable;
    writeRecord({ ...record, machineKey, executable, build: { ...record.build, devices, proof } });
    if (!proof.isGood) {
      const reason = proof.reason ?? 'it did not prove itself';
      this.#options.log.warn('the engine no longer proves itself', { id: build.id, reason });
      const { id, backend, source } = build;
      writeFailure(this.folder, { backend, source, id, machineKey, reason, at: proof.at });
    }
    return this.#find(build.id) ?? build;
  }

  /** The machine as its builds see it: GPUs, drivers, and the variables that hide or reorder devices. */
  #keyOf(ladder: readonly Rung[]): string {
    return [ladder[0]?.machineKey ?? '', ...deviceVariables(this.#options.environment)].join('; ');
  }

  async #climb(
    options: EnsureOptions,
    how: { readonly version?: string | null; readonly isForced?: boolean; readonly mayUsePath?: boolean },
  ): Promise<EngineBuild> {
    const attempts: Attempt[] = [];
    for (const rung of options.ladder) {
      if (!rung.isOffered) continue;
      const path = how.mayUsePath === true ? findOnPath(options.pathVariable ?? '') : null;
      const found =
        path === null ? null : await usePath(path, rung, this.#keyOf([rung]), this.#context(options), attempts);
      if (found !== null) {
        this.#given = found;
        return found;
      }
      const build = await climb(rung, {
        ...this.#context(options),
        attempts,
        sources: options.isOffline === true ? [] : this.#options.sources,
        machineKey: this.#keyOf([rung]),
        version: how.version ?? null,
        isForced: how.isForced === true,
      });
      if (build === null) continue;
      this.#point(build.id);
      return build;
    }
    throw unobtainable(options.ladder, attempts, options.isOffline === true);
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

  #point(id: string, isChosen = false): void {
    this.#given = null;
    const before = readPointer(this.folder);
    if (before?.id === id && (before.isChosen === true || !isChosen)) return;
    const old = before === null ? null : (this.#find(before.id)?.id ?? before.previousId);
    const isSame = before?.id === id;
    const previousId = isSame ? before.previousId : old === id ? null : old;
    const pointer: Pointer = { id, previousId, isServed: isSame && before.isServed, isChosen };
    writePointer(this.folder, pointer);
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
