// What earlier loads really took, per model file, build and set of devices: placement reckons with it the next time.
// Ratios are bounded, the largest of the latest loads counts, and a lower one is believed by half only, so that a
// corrected prediction never lies below what was measured. It must never hold anything but figures.
import type { Migration, Store } from '../base/store.ts';
import type { BufferBytes, LoadFacts } from '../engine/verdict.ts';
import { type Correction, type DeviceCorrection, type DeviceTake, HOST } from './placement.ts';

export const CORRECTION_MIGRATIONS: readonly Migration[] = [
  {
    name: 'core/correction',
    sql: `CREATE TABLE correction (
      file TEXT NOT NULL,
      build TEXT NOT NULL,
      devices TEXT NOT NULL,
      device TEXT NOT NULL,
      measured_at INTEGER NOT NULL,
      weight_ratio REAL NOT NULL,
      kv_ratio REAL NOT NULL,
      compute_ratio REAL NOT NULL,
      extra_bytes INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX correction_key ON correction (file, build, devices, measured_at);`,
  },
];

export interface CorrectionKey {
  /** A changed file is another file. */
  readonly file: { readonly path: string; readonly sizeBytes: number; readonly modifiedAt: number };
  readonly buildId: string;
  /** All GPU devices that placement could choose from, in any order. */
  readonly devices: readonly string[];
}

/** Loads that are remembered per key. */
const KEPT_LOADS = 5;
/** Rows in all: far more than models on a machine. */
const KEPT_ROWS = 5000;
const LEAST_RATIO = 0.5;
const MOST_RATIO = 4;
const MOST_EXTRA_BYTES = 8 * 1024 ** 3;
/** Below this a ratio is noise; the difference is taken as bytes. */
const SMALL_BYTES = 4 * 1024 * 1024;
/** The engine's log rounds to a hundredth of a MiB. */
const ROUNDING_BYTES = 5300;

interface Row {
  readonly device: string;
  readonly weight_ratio: number;
  readonly kv_ratio: number;
  readonly compute_ratio: number;
  readonly extra_bytes: number;
}

export class Corrections {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** What to correct the next prediction by; null where nothing was measured yet. */
  of(key: CorrectionKey): Correction | null {
    const rows = this.#store.database
      .query<Row, [string, string, string]>(
        `SELECT device, max(weight_ratio) AS weight_ratio, max(kv_ratio) AS kv_ratio,
           max(compute_ratio) AS compute_ratio, max(extra_bytes) AS extra_bytes
         FROM correction WHERE file = ?1 AND build = ?2 AND devices = ?3 GROUP BY device ORDER BY device`,
      )
      .all(...columns(key));
    if (rows.length === 0) return null;
    return {
      devices: rows.map((row) => ({
        device: row.device,
        weightRatio: row.weight_ratio,
        kvRatio: row.kv_ratio,
        computeRatio: row.compute_ratio,
        extraBytes: row.extra_bytes,
      })),
    };
  }

  /**
   * Remembers what a load took. `takes` is its placement's, made with the correction that `of` gave before it.
   * A load that reported no buffers teaches nothing.
   */
  learn(key: CorrectionKey, takes: readonly DeviceTake[], facts: Pick<LoadFacts, 'buffers'>): void {
    const measured = measuredCorrection(takes, facts, this.of(key));
    if (measured.length === 0) return;
    const [file, build, devices] = columns(key);
    const { database } = this.#store;
    const insert = database.query('INSERT INTO correction VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    database.transaction(() => {
      const at = this.#now();
      for (const entry of measured) {
        insert.run(
          ...[file, build, devices, entry.device, at],
          ...[entry.weightRatio, entry.kvRatio, entry.computeRatio, entry.extraBytes],
        );
        database
          .query(
            `DELETE FROM correction WHERE file = ?1 AND build = ?2 AND devices = ?3 AND device = ?4 AND rowid NOT IN (
              SELECT rowid FROM correction WHERE file = ?1 AND build = ?2 AND devices = ?3 AND device = ?4
              ORDER BY rowid DESC LIMIT ?5)`,
          )
          .run(file, build, devices, entry.device, KEPT_LOADS);
      }
      database.query('DELETE FROM correction WHERE rowid <= (SELECT max(rowid) FROM correction) - ?1').run(KEPT_ROWS);
    })();
  }

  /** Forgets a file, in every build: it was deleted. */
  forget(path: string): void {
    this.#store.database
      .query('DELETE FROM correction WHERE substr(file, 1, length(?1) + 1) = ?1 || char(10)')
      .run(path);
  }
}

const columns = (key: CorrectionKey): [string, string, string] => [
  `${key.file.path}\n${key.file.sizeBytes}\n${key.file.modifiedAt}`,
  key.buildId,
  [...key.devices].sort().join(' '),
];

/**
 * The correction that one load asks for, per device that it was placed on: measured bytes to what an uncorrected
 * prediction would have been. Pure.
 */
export function measuredCorrection(
  takes: readonly DeviceTake[],
  facts: Pick<LoadFacts, 'buffers'>,
  applied: Correction | null,
): DeviceCorrection[] {
  return takes.flatMap((take) => {
    const buffers = facts.buffers[take.device];
    if (buffers === undefined) return [];
    const before = applied?.devices.find((entry) => entry.device === take.device);
    const parts = [
      part(take.weightBytes, weightsIn(take, buffers), before?.weightRatio ?? 1),
      part(take.kvBytes, buffers.kvBytes, before?.kvRatio ?? 1),
      part(take.computeBytes, buffers.computeBytes + buffers.outputBytes, before?.computeRatio ?? 1),
    ] as const;
    const extraBytes = Math.min(MOST_EXTRA_BYTES, Math.ceil(parts.reduce((sum, entry) => sum + entry.extraBytes, 0)));
    return [
      {
        device: take.device,
        weightRatio: parts[0].ratio,
        kvRatio: parts[1].ratio,
        computeRatio: parts[2].ratio,
        extraBytes,
      },
    ];
  });
}

/** What is mapped from the file spans what lies elsewhere: in main memory it counts up to what was planned. */
function weightsIn(take: DeviceTake, buffers: BufferBytes): number {
  if (take.device !== HOST) return buffers.modelBytes;
  const resident = buffers.modelBytes - buffers.mappedBytes;
  return resident + Math.min(buffers.mappedBytes, Math.max(0, take.weightBytes - resident));
}

function part(predicted: number, measured: number, before: number): { ratio: number; extraBytes: number } {
  const raw = predicted / before;
  const real = measured === 0 ? 0 : measured + ROUNDING_BYTES;
  if (raw < SMALL_BYTES) return { ratio: 1, extraBytes: Math.max(0, real - raw) };
  const ratio = real / raw;
  const believed = ratio < 1 ? (1 + ratio) / 2 : ratio;
  const bounded = Math.min(MOST_RATIO, Math.max(LEAST_RATIO, believed));
  return { ratio: bounded, extraBytes: Math.max(0, real - raw * bounded) };
}
