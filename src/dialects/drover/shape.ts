// Our own API speaks the core's words; only errors and the version of an engine build need a shape. Pure.
import type { Fault } from '../../base/fault.ts';
import type { DroverStatus } from '../../core/drover.ts';
import type { EngineReport } from '../../core/engine-desk.ts';
import type { MachineFacts } from '../../core/machine-facts.ts';
import type { Standing } from '../../core/test-sessions.ts';

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
export const engineToWire = (report: EngineReport) => ({
  builds: report.builds,
  isGiven: report.isGiven,
  path: report.path,
  newest:
    report.newest === null
      ? null
      : { id: report.newest.id, version: report.newest.version, backend: report.newest.backend },
  newestFailure: report.newestFailure,
  bestBackend: report.bestBackend,
});

const machineText = ({ cpu, gpus }: MachineFacts): string =>
  [cpu.model ?? `a processor of ${cpu.threads} threads`, ...gpus.map(({ name }) => name)].join(', ');

/** A run with its machine as one line. */
export const runToWire = ({ session, ratio, report }: Standing) => ({
  id: session.id,
  name: session.name,
  owner: session.owner,
  models: [...new Set(session.tests.map(({ modelId }) => modelId))],
  kinds: [...new Set(session.tests.map(({ kind }) => kind))],
  state: session.state,
  failure: session.failure ?? session.tests.find(({ failure }) => failure !== null)?.failure ?? null,
  ratio,
  createdAt: session.createdAt,
  finishedAt: session.finishedAt,
  machine: machineText(session.hardware),
  report,
});
