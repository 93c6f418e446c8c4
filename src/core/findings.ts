// What is wrong here and how to mend it, each finding with its evidence, as it is found. It changes nothing.
import { toFault } from '../base/fault.ts';
import { sizeText } from '../base/size.ts';
import type { Engines } from '../engine/install.ts';
import type { Snapshot } from '../hardware/probe.ts';
import type { Library } from '../models/library.ts';
import { PROBE_ID } from '../models/names.ts';
import type { Drover } from './drover.ts';
import type { EngineChoice } from './engine-choice.ts';

export interface Finding {
  /** What kind of finding it is, the same in every version: `engine-none`. */
  readonly id: FindingId;
  readonly severity: 'ok' | 'note' | 'warning' | 'error';
  readonly topic: string;
  readonly message: string;
  readonly hint: string | null;
  /** What it is about where there are several such: a model's id, a path, a build; null: the machine or the server. */
  readonly subject: string | null;
}

export type FindingId =
  | 'server-none'
  | 'server-running'
  | 'config-good'
  | 'config-questionable'
  | 'hardware'
  | 'hardware-unread'
  | 'disk-low'
  | 'engine-none'
  | 'engine-good'
  | 'engine-second-best'
  | 'engine-unproved'
  | 'engine-failed'
  | 'folder-unreadable'
  | 'models-unread'
  | 'models-usable'
  | 'models-none'
  | 'model-broken';

export interface FindingsOptions {
  readonly drover: Pick<Drover, 'hardware' | 'rescan' | 'models'>;
  readonly choice: Pick<EngineChoice, 'request' | 'build'>;
  readonly engines: Pick<Engines, 'current' | 'ladderStatus'>;
  readonly library: Pick<Library, 'summary'>;
  /** What in the configuration file is not understood; absent: it is not looked at. */
  readonly configWarnings?: () => ConfigurationWarnings;
}

export interface ConfigurationWarnings {
  readonly path: string;
  readonly warnings: readonly { readonly line: number; readonly column: number; readonly message: string }[];
}

const LOW_DISK_BYTES = 2 * 1024 ** 3;

/** The worst first; of the same weight in the order in which they were found. */
export const byWeight = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((left, right) => WEIGHT.indexOf(left.severity) - WEIGHT.indexOf(right.severity));

const WEIGHT: readonly Finding['severity'][] = ['error', 'warning', 'note', 'ok'];

export async function* findings(options: FindingsOptions): AsyncGenerator<Finding, void, void> {
  const { configWarnings } = options;
  if (configWarnings !== undefined) yield* configurationFindings(configWarnings());
  const snapshot = await options.drover.hardware();
  for (const line of hardwareLines(snapshot)) yield ok('hardware', 'hardware', line.trim());
  for (const note of snapshot.notes) yield found('note', 'hardware-unread', 'hardware', note, null);
  for (const disk of snapshot.disks) {
    if (disk.freeBytes === null || disk.freeBytes > LOW_DISK_BYTES) continue;
    yield warning('disk-low', 'disk', `${disk.path} has less than 2 GiB left.`, 'Free some space there.', disk.path);
  }
  yield* engineFindings(options);
  yield* modelFindings(options);
}

function* configurationFindings({ path, warnings }: ConfigurationWarnings): Generator<Finding, void, void> {
  if (warnings.length === 0) yield ok('config-good', 'config', `${path} is well formed.`);
  for (const { line, column, message } of warnings) {
    yield found('note', 'config-questionable', 'config', `${path}:${line}:${column}: ${message}`, null, path);
  }
}

async function* modelFindings({ drover, library }: FindingsOptions): AsyncGenerator<Finding, void, void> {
  try {
    await drover.rescan();
  } catch (thrown) {
    yield found('error', 'models-unread', 'models', toFault(thrown).message, null);
  }
  for (const { path, status, error } of library.summary()?.folders ?? []) {
    if (status !== 'unreadable') continue;
    const hint = 'Let the user that Drover runs as read it, or take it off the list of folders.';
    yield warning('folder-unreadable', 'models', `${path} cannot be read: ${error ?? 'no reason told'}`, hint, path);
  }
  const models = drover.models();
  const broken = models.filter((model) => model.failure !== null);
  const usableCount = models.filter((model) => model.failure === null && model.id !== PROBE_ID).length;
  yield usableCount === 0
    ? warning('models-none', 'models', 'There is no model to use yet.', 'Bring one with "drover pull OWNER/NAME".')
    : ok('models-usable', 'models', `${usableCount} usable models.`);
  for (const model of broken) {
    yield warning('model-broken', 'models', `${model.id}: ${model.failure}`, model.path, model.id);
  }
}

async function* engineFindings({ choice, engines }: FindingsOptions): AsyncGenerator<Finding, void, void> {
  const { ladder } = await choice.request();
  const current = choice.build ?? engines.current();
  if (current === null) {
    yield warning('engine-none', 'engine', 'No engine is installed.', 'Bring one with "drover engine install".');
  } else {
    const best = ladder.find((rung) => rung.isOffered);
    const isBest = best === undefined || best.backend === current.backend || current.source === 'given';
    const { proof } = current;
    const proved =
      proof === null
        ? 'not made'
        : proof.isGood
          ? `good on ${proof.bufferDevices.join(', ')}`
          : `failed: ${proof.reason}`;
    const message = `${current.id}: llama.cpp ${current.version}, ${current.backend}, proof ${proved}.`;
    if (proof !== null && !proof.isGood) {
      const hint = 'Bring another one with "drover engine update".';
      yield warning('engine-unproved', 'engine', message, hint, current.id);
    } else if (isBest) yield ok('engine-good', 'engine', message, current.id);
    else {
      const hint = `This machine could use ${best?.backend}: ${best?.reason}. Try "drover engine update".`;
      yield warning('engine-second-best', 'engine', message, hint, current.id);
    }
  }
  for (const { rung, failures } of engines.ladderStatus(ladder)) {
    for (const failure of failures) {
      const message = `${rung.backend} (${failure.id}) failed: ${failure.reason}`;
      const hint = 'It is tried again after a driver or engine change.';
      yield warning('engine-failed', 'engine', message, hint, failure.id);
    }
  }
}

/** One finding; `subject` where there may be several of its kind. */
export function found(
  severity: Finding['severity'],
  id: FindingId,
  topic: string,
  message: string,
  hint: string | null,
  subject: string | null = null,
): Finding {
  return { id, severity, topic, message, hint, subject };
}

const ok = (id: FindingId, topic: string, message: string, subject: string | null = null): Finding =>
  found('ok', id, topic, message, null, subject);
const warning = (
  id: FindingId,
  topic: string,
  message: string,
  hint: string | null,
  subject: string | null = null,
): Finding => found('warning', id, topic, message, hint, subject);

const amount = (bytes: number | null): string => (bytes === null ? 'unknown' : sizeText(bytes));

/** A machine in a few lines for people. */
export function hardwareLines(snapshot: Snapshot): string[] {
  const { cpu, memory, gpus } = snapshot;
  const lines = [
    `  processor ${cpu.name ?? 'unknown'}, ${cpu.usableThreads} threads`,
    `  memory    ${amount(memory.availableBytes)} free of ${amount(memory.totalBytes)}`,
  ];
  for (const gpu of gpus) {
    lines.push(
      `  GPU       ${gpu.name}, ${amount(gpu.freeBytes)} free of ${amount(gpu.totalBytes)}${gpu.isUnified === true ? ' (shared with the processor)' : ''}`,
    );
  }
  if (gpus.length === 0) lines.push('  GPU       none found');
  return lines;
}
