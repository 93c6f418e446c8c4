// What everybody who watches should hear: an engine that ended by itself, memory that ran out, a disk that is nearly full.
// Pure but for remembering what was said last. It must never say the same thing again before it has become otherwise.
import type { StatusChange } from './named-instances.ts';

export interface Alert {
  readonly level: 'warn' | 'error';
  readonly code: 'INSTANCE_CRASHED' | 'INSTANCE_FAILED' | 'OUT_OF_MEMORY' | 'LOW_DISK';
  readonly message: string;
}

const MEMORY = /out of memory|does not fit|not fit|failed to allocate|insufficient memory/i;

/** Null: nothing to be alarmed at. */
export function alertOf({ name, status, previous, failure }: StatusChange): Alert | null {
  if (status !== 'error') return null;
  const why = failure ?? 'no reason is known';
  if (MEMORY.test(why)) return { level: 'error', code: 'OUT_OF_MEMORY', message: `${name}: ${why}` };
  const code = previous === 'running' ? 'INSTANCE_CRASHED' : 'INSTANCE_FAILED';
  return { level: 'error', code, message: `${name}: ${why}` };
}

const GIB = 1024 ** 3;
const LEAST_FREE_BYTES = 2 * GIB;
const LEAST_FREE_RATIO = 0.02;

export class DiskAlarm {
  #isOn = false;

  /** Told once when the disk becomes full, and again only after there was room. */
  look(disk: { readonly totalBytes: number | null; readonly freeBytes: number | null }): Alert | null {
    const { totalBytes, freeBytes } = disk;
    if (totalBytes === null || freeBytes === null) return null;
    const isLow = freeBytes < Math.min(LEAST_FREE_BYTES, totalBytes * 0.1) || freeBytes < totalBytes * LEAST_FREE_RATIO;
    const isNews = isLow && !this.#isOn;
    this.#isOn = isLow;
    if (!isNews) return null;
    return {
      level: 'warn',
      code: 'LOW_DISK',
      message: `The disk is nearly full: ${(freeBytes / GIB).toFixed(1)} GiB are free.`,
    };
  }
}
