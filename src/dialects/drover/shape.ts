// Our own API speaks the core's words; only errors and the version of an engine build need a shape. Pure.
import type { Fault } from '../../base/fault.ts';
import type { DroverStatus } from '../../core/drover.ts';
import type { EngineReport, InstalledBuild } from '../../core/engine-desk.ts';

export interface WireError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
    readonly blame: string;
    readonly details: Readonly<Record<string, unknown>>;
  };
}

export const errorBody = (fault: Fault): WireError => ({
  error: {
    code: fault.kind,
    message: fault.message,
    hint: fault.hint ?? null,
    blame: fault.blame,
    details: fault.details,
  },
});

/** The set of flags is long and for the engine's own use. */
export const statusToWire = (status: DroverStatus) => ({
  ...status,
  engine: status.engine === null ? null : { ...status.engine, flags: [...status.engine.flags] },
});

/** Of the newest build only what tells it apart: where its files come from is the installer's affair. */
export const engineToWire = (report: EngineReport, builds: readonly InstalledBuild[]) => ({
  builds,
  isGiven: report.isGiven,
  path: report.path,
  newest:
    report.newest === null
      ? null
      : { id: report.newest.id, version: report.newest.version, backend: report.newest.backend },
  newestFailure: report.newestFailure,
  bestBackend: report.bestBackend,
});
