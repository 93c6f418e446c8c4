// What this machine is and what would suit it, in one report: hardware, backends, and recommendations from placement.
// It must never start anything, nor wait for an engine that is still being brought.
import type { Settings } from '../config/schema.ts';
import type { Backend } from '../engine/build.ts';
import type { Rung } from '../engine/catalog.ts';
import type { Gpu, Snapshot } from '../hardware/probe.ts';
import { type Budget, budgetOf } from './budget.ts';
import type { EngineChoice } from './engine-choice.ts';
import { type PlacedModel, type Recommendations, recommend } from './recommendations.ts';

export interface MachineReport {
  readonly snapshot: Snapshot;
  /** What engines could use here, best first; `cpu` is always among them. */
  readonly backends: readonly Backend[];
  readonly recommendations: Recommendations;
}

export interface AdvisorOptions {
  /** With disks: reports show their free space. */
  readonly hardware: () => Promise<Snapshot>;
  readonly choice: Pick<EngineChoice, 'request'>;
  /** The memory as the engine in use sees it; null while there is none. */
  readonly budget: () => Promise<Budget | null>;
  readonly models: () => readonly PlacedModel[];
  readonly settings: () => Pick<Settings, 'vram' | 'ram'>;
}

export class Advisor {
  readonly #options: AdvisorOptions;

  constructor(options: AdvisorOptions) {
    this.#options = options;
  }

  /** The memory that models may share; before there is an engine, as well as the hardware tells it. */
  async budget(): Promise<Budget> {
    const measured = await this.#options.budget();
    if (measured !== null) return measured;
    const [snapshot, request] = await Promise.all([this.#options.hardware(), this.#options.choice.request()]);
    return this.#guess(snapshot, request.ladder);
  }

  async report(): Promise<MachineReport> {
    const { choice, models } = this.#options;
    const [snapshot, request, measured] = await Promise.all([
      this.#options.hardware(),
      choice.request(),
      this.#options.budget(),
    ]);
    const budget = measured ?? this.#guess(snapshot, request.ladder);
    return {
      snapshot,
      backends: request.ladder.filter((rung) => rung.isOffered).map((rung) => rung.backend),
      recommendations: recommend(budget, models()),
    };
  }

  /** Before there is an engine that lists its devices: every GPU of the machine is taken for one. */
  #guess(snapshot: Snapshot, ladder: readonly Rung[]): Budget {
    const backend = ladder.find((rung) => rung.isOffered)?.backend ?? 'cpu';
    const gpus = backend === 'cpu' ? [] : snapshot.gpus;
    const byId = new Map(gpus.map((gpu): [string, Gpu] => [`GPU${gpu.index}-${gpu.name}`, gpu]));
    const { vram, ram } = this.#options.settings();
    return budgetOf({
      build: {
        backend,
        devices: [...byId].map(([id, { name, totalBytes, freeBytes }]) => ({ id, name, totalBytes, freeBytes })),
      },
      snapshot,
      gpuOf: (device) => byId.get(device.id) ?? null,
      held: { sure: {}, perhaps: {} },
      previous: null,
      vram,
      ram,
    });
  }
}
