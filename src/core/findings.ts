// What is wrong here and how to mend it, each finding with its evidence, as it is found. It changes nothing.
import { toFault } from '../base/fault.ts';
import { sizeText } from '../base/size.ts';
import type { Engines } from '../engine/install.ts';
import type { Snapshot } from '../hardware/probe.ts';
import type { Drover } from './drover.ts';
import type { EngineChoice } from './engine-choice.ts';

export interface Finding {
  readonly severity: 'ok' | 'note' | 'warning' | 'error';
  readonly topic: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface FindingsOptions {
  readonly drover: Pick<Drover, 'hardware' | 'rescan' | 'models'>;
  readonly choice: Pick<EngineChoice, 'request'>;
  readonly engines: Pick<Engines, 'current' | 'ladderStatus'>;
}

const LOW_DISK_BYTES = 2 * 1024 ** 3;

export async function* findings(options: FindingsOptions): AsyncGenerator<Finding, void, void> {
  const snapshot = await options.drover.hardware();
  for (const line of hardwareLines(snapshot)) yield ok('hardware', line.trim());
  for (const note of snapshot.notes) yield { severity: 'note', topic: 'hardware', message: note, hint: null };
  for (const disk of snapshot.disks) {
    if (disk.freeBytes === null || disk.freeBytes > LOW_DISK_BYTES) continue;
    yield warning('disk', `${disk.path} has less than 2 GiB left.`, 'Free some space there.');
  }
  yield* engineFindings(options);
  yield* modelFindings(options.drover);
}

async function* modelFindings(drover: FindingsOptions['drover']): AsyncGenerator<Finding, void, void> {
  try {
    await drover.rescan();
  } catch (thrown) {
    yield { severity: 'error', topic: 'models', message: toFault(thrown).message, hint: null };
  }
  const models = drover.models();
  const broken = models.filter((model) => model.failure !== null);
  yield ok('models', `${models.length - broken.length} usable models.`);
  for (const model of broken) yield warning('models', `${model.id}: ${model.failure}`, model.path);
}

async function* engineFindings({ choice, engines }: FindingsOptions): AsyncGenerator<Finding, void, void> {
  const { ladder } = await choice.request();
  const current = engines.current();
  if (current === null) {
    yield warning('engine', 'No engine is installed.', 'Bring one with "drover engine install".');
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
    yield {
      severity: isBest ? 'ok' : 'warning',
      topic: 'engine',
      message: `${current.id}: llama.cpp ${current.version}, ${current.backend}, proof ${proved}.`,
      hint: isBest ? null : `This machine could use ${best?.backend}: ${best?.reason}. Try "drover engine update".`,
    };
  }
  for (const { rung, failures } of engines.ladderStatus(ladder)) {
    for (const failure of failures) {
      yield warning(
        'engine',
        `${rung.backend} (${failure.id}) failed: ${failure.reason}`,
        'It is tried again after a driver or engine change.',
      );
    }
  }
}

const ok = (topic: string, message: string): Finding => ({ severity: 'ok', topic, message, hint: null });
const warning = (topic: string, message: string, hint: string | null): Finding => ({
  severity: 'warning',
  topic,
  message,
  hint,
});

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
