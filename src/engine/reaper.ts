// Children that outlived an earlier Drover of the same data folder: found at boot by number, start time and mark, and
// ended. It must never end a process of which it is not certain: no mark and no equal start time, no signal.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../base/file.ts';
import type { Log } from '../base/log.ts';
import { pause } from '../base/sync.ts';
import type { ChildRecords } from './process.ts';
import { killProcess, MARKER_NAME, markedProcesses, startKeyOf } from './process-table.ts';

const POLL_MS = 20;

interface ChildRecord {
  readonly pid: number;
  readonly startKey: string;
  readonly name: string;
}

export interface LeftBehind {
  readonly pid: number;
  /** Of the model; null: it is known by its mark alone. */
  readonly name: string | null;
}

export class Reaper implements ChildRecords {
  readonly marker: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #log: Log;
  readonly #identity: string;
  readonly #children = new Set<number>();
  #hasStarted = false;

  /** `folder` belongs to one running Drover at a time (the data folder's lock sees to that); it is made when absent. */
  constructor(folder: string, log: Log) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#log = log;
    this.#identity = identityOf(folder);
    // No two alike: process numbers are given out again, in a container the same ones each time.
    this.marker = { [MARKER_NAME]: `${this.#identity}:${process.pid}.${randomBytes(6).toString('hex')}` };
  }

  /** Ends what an earlier Drover left behind, and leaves alone what this one has started. */
  reap(): readonly number[] {
    const ended: number[] = [];
    for (const { pid, name } of this.leftBehind()) {
      this.#log.warn('ended a process that an earlier run left behind', { pid, model: name });
      killProcess(pid);
      ended.push(pid);
    }
    const own = this.#own();
    for (const { file, pid } of this.#files()) if (!own.has(pid)) forgetFile(join(this.#folder, file));
    return ended;
  }

  /** What `reap` would end. */
  leftBehind(): readonly LeftBehind[] {
    const own = this.#own();
    const found = new Map<number, LeftBehind>();
    for (const { file, pid } of this.#files()) {
      if (own.has(pid)) continue;
      const record = readRecord(join(this.#folder, file));
      if (record === null || startKeyOf(record.pid) !== record.startKey) continue;
      found.set(record.pid, { pid: record.pid, name: record.name });
    }
    // What a child forked into a group of its own has no record, but carries the mark.
    for (const pid of markedProcesses(`${this.#identity}:`)) {
      if (!found.has(pid) && !own.has(pid)) found.set(pid, { pid, name: null });
    }
    return [...found.values()];
  }

  #own(): ReadonlySet<number> {
    if (!this.#hasStarted) return new Set();
    return new Set([...this.#children, ...markedProcesses(this.marker[MARKER_NAME] ?? '')]);
  }

  #files(): readonly { readonly file: string; readonly pid: number }[] {
    return readdirSync(this.#folder)
      .filter((file) => /^\d+\.json$/.test(file))
      .map((file) => ({ file, pid: Number.parseInt(file, 10) }));
  }

  /** The same, and waits until what it ended is gone, `waitMs` at most. */
  async reapFully(waitMs: number): Promise<void> {
    const until = performance.now() + waitMs;
    let ended = this.reap();
    while (ended.length > 0 && performance.now() < until) {
      await pause(POLL_MS);
      ended = ended.filter((pid) => startKeyOf(pid) !== null);
    }
  }

  record(pid: number, name: string): void {
    this.#children.add(pid);
    this.#hasStarted = true;
    if (process.platform === 'linux') this.#write(pid, name);
    // Asking `ps` takes milliseconds that the load should not wait for.
    else setTimeout(() => this.#write(pid, name), 100).unref();
  }

  #write(pid: number, name: string): void {
    const startKey = this.#children.has(pid) ? startKeyOf(pid) : null;
    if (startKey === null) return;
    const record: ChildRecord = { pid, startKey, name };
    try {
      writeFileSync(this.#path(pid), JSON.stringify(record), { mode: 0o600 });
    } catch (thrown) {
      // A full disk must not keep a model from loading; on Linux the kernel ends the child with us anyway.
      this.#log.warn(`the record of a child could not be written: ${String(thrown)}`, { pid });
    }
  }

  forget(pid: number): void {
    this.#children.delete(pid);
    forgetFile(this.#path(pid));
  }

  #path(pid: number): string {
    return join(this.#folder, `${pid}.json`);
  }
}

/** A random word that stays with the folder, so that Drovers with other data folders are left alone. */
function identityOf(folder: string): string {
  const path = join(folder, 'identity');
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{24}$/.test(text)) return text;
  } catch {
    // The first run.
  }
  const identity = randomBytes(12).toString('hex');
  writeFileAtomically(path, `${identity}\n`, { mode: 0o600 });
  return identity;
}

function readRecord(path: string): ChildRecord | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return null;
    const { pid, startKey, name } = value as Partial<Record<keyof ChildRecord, unknown>>;
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 1) return null;
    if (typeof startKey !== 'string' || startKey === '') return null;
    return { pid, startKey, name: String(name) };
  } catch {
    return null;
  }
}

function forgetFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Never written, or gone.
  }
}
