// How loaded the machine is right now, for an answer that somebody waits for. It must never hold a timer between two
// questions, nor keep one waiting for a disk that does not answer.
import { busyRatioOf, type CpuTimes, readCpuTimes } from './cpu-times.ts';
import { within } from './deadline.ts';
import { readDisks } from './disk.ts';
import { readMemory } from './memory.ts';
import type { Disk, Snapshot } from './probe.ts';
import { type System, thisSystem } from './system.ts';
import { readUptimeMs } from './uptime.ts';

export interface SystemLoad {
  /** 0–1 over all processors in the window. */
  readonly cpuBusyRatio: number | null;
  /** What we may use, a control group's limit honoured; null where it was not told in time. */
  readonly memory: Pick<
    Snapshot['memory'],
    'totalBytes' | 'availableBytes' | 'swapTotalBytes' | 'swapFreeBytes'
  > | null;
  readonly disk: Pick<Disk, 'totalBytes' | 'freeBytes'>;
  /** Of the machine. */
  readonly uptimeMs: number;
}

export interface SystemLoadOptions {
  /** The file system that holds it is told. */
  readonly path: string;
  /** Over how long the processors are watched; default 90, at most that. */
  readonly windowMs?: number;
  readonly system?: System;
}

// The whole answer is there within a tenth of a second.
const LONGEST_MS = 90;
// Ticks are 10 ms: a shorter look shows nothing or everything.
const SHORTEST_MS = 20;
// A reading that is older tells of a time that nobody asked about.
const FRESH_MS = 10_000;

export class SystemLoadReader {
  readonly #options: SystemLoadOptions;
  readonly #system: System;
  readonly #windowMs: number;
  #last: { readonly times: CpuTimes; readonly atMs: number } | null = null;

  constructor(options: SystemLoadOptions) {
    this.#options = options;
    this.#system = options.system ?? thisSystem;
    this.#windowMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, options.windowMs ?? LONGEST_MS));
  }

  /** Waits for the window the first time; later the window is the time since the last question, where that is fresh. */
  async read(): Promise<SystemLoad> {
    const deadline = { timeoutMs: LONGEST_MS };
    const unknownDisk: SystemLoad['disk'] = { totalBytes: null, freeBytes: null };
    const [cpuBusyRatio, memory, disk] = await Promise.all([
      this.#busyRatio(),
      within<SystemLoad['memory']>('the memory', deadline, null, () => readMemory(this.#system)),
      within('the disk', deadline, unknownDisk, () => this.#disk()),
    ]);
    return { cpuBusyRatio, memory: memory.value, disk: disk.value, uptimeMs: readUptimeMs(this.#system) };
  }

  async #busyRatio(): Promise<number | null> {
    const known = this.#last;
    const ageMs = known === null ? Number.POSITIVE_INFINITY : performance.now() - known.atMs;
    const isFresh = ageMs >= this.#windowMs && ageMs <= FRESH_MS;
    const before = isFresh && known !== null ? known.times : readCpuTimes(this.#system);
    if (!isFresh) await Bun.sleep(this.#windowMs);
    const after = readCpuTimes(this.#system);
    this.#last = after === null ? null : { times: after, atMs: performance.now() };
    return busyRatioOf(before, after);
  }

  async #disk(): Promise<{ readonly value: SystemLoad['disk']; readonly notes: readonly string[] }> {
    const { value, notes } = await readDisks(this.#system, [this.#options.path]);
    const { totalBytes = null, freeBytes = null } = value[0] ?? {};
    return { value: { totalBytes, freeBytes }, notes };
  }
}
