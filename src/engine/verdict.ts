// What a load really did, against what was planned. Pure. "As planned" is said only where the buffers prove it: a build
// without a GPU also claims to have offloaded every layer.
import type { LaunchPlan } from './command.ts';
import type { BufferBytes, LoadFacts } from './verdict-log.ts';

export { explainFailure } from './verdict-failure.ts';
export { type BufferBytes, deviceOfBuffer, type LoadFacts, LoadReader } from './verdict-log.ts';

/** Bytes that a plan takes on one device; `Host` is main memory. */
export interface PlannedTake {
  readonly device: string;
  readonly weightBytes: number;
  /** KV cache and recurrent state. */
  readonly kvBytes: number;
  readonly computeBytes: number;
  /** Driver, staging, prompt cache: what is in none of the engine's own buffers. */
  readonly overheadBytes: number;
  readonly totalBytes: number;
}

export interface JudgeInput {
  readonly plan: LaunchPlan;
  readonly takes: readonly PlannedTake[];
  readonly facts: LoadFacts;
  readonly loadMs: number | null;
  /** Devices that the build lists, for words about what there is. */
  readonly devices?: readonly { readonly id: string }[] | undefined;
}

/** What a load came to; the core adds whose it was and when. */
export interface Judgement {
  /** `degraded`: it runs, but not as planned. */
  readonly outcome: 'as_planned' | 'degraded' | 'failed';
  /** From start to the first healthy answer. */
  readonly loadMs: number | null;
  readonly layersTotal: number | null;
  /** By where the buffers are, not by what the engine says of layers. */
  readonly layersOnGpu: number | null;
  /** Bytes by device as the engine reported: `Host`, `Vulkan0`, …; null before it said so. */
  readonly measuredBytes: Readonly<Record<string, number>> | null;
  readonly predictedBytes: Readonly<Record<string, number>> | null;
  readonly contextTokens: number | null;
  readonly cacheTypeK: string | null;
  readonly cacheTypeV: string | null;
  /** From the first real request; null until one was answered. */
  readonly tokensPerSecond: number | null;
  /** What is not as planned, in sentences, and the way out of each. */
  readonly findings: readonly { readonly message: string; readonly hint: string | null }[];
}

const MIB = 1024 * 1024;
/** A prediction holds when the measured bytes exceed it by no more than a tenth or this much. */
const TOLERANCE_BYTES = 100 * MIB;

/** Bytes that the engine's buffers hold on a device, cache and work areas included. */
export const bufferTotal = (buffers: BufferBytes): number =>
  buffers.modelBytes + buffers.kvBytes + buffers.computeBytes + buffers.outputBytes;

type Finding = Judgement['findings'][number];

export function judge(input: JudgeInput): Judgement {
  const { plan, facts } = input;
  const measured = measuredBytes(input);
  const predicted = Object.fromEntries(input.takes.map((take) => [take.device, take.totalBytes - take.overheadBytes]));
  const hasSpoken = Object.keys(facts.buffers).length > 0;
  const findings: Finding[] = [
    ...(hasSpoken ? placeFindings(input) : []),
    ...contextFindings(plan, facts),
    ...cacheFindings(plan, facts),
    ...(hasSpoken ? memoryFindings(measured, predicted, input) : []),
  ];
  if (!hasSpoken) {
    findings.push({
      message: 'The engine did not say where the model lies.',
      hint: 'Use a newer build of the engine: drover engine update',
    });
  }
  return {
    outcome: findings.length === 0 ? 'as_planned' : 'degraded',
    loadMs: input.loadMs,
    layersTotal: facts.layersTotal,
    layersOnGpu: hasSpoken ? layersOnGpu(facts) : null,
    measuredBytes: hasSpoken ? measured : null,
    predictedBytes: predicted,
    contextTokens: facts.contextTokens,
    cacheTypeK: facts.cacheTypeK,
    cacheTypeV: facts.cacheTypeV,
    tokensPerSecond: null,
    findings,
  };
}

/** A failed load in the same form: what is known of it, and why. */
export function judgeFailure(
  input: Omit<JudgeInput, 'plan'>,
  cause: { readonly message: string; readonly hint: string | null },
): Judgement {
  const hasSpoken = Object.keys(input.facts.buffers).length > 0;
  return {
    outcome: 'failed',
    loadMs: input.loadMs,
    layersTotal: input.facts.layersTotal,
    layersOnGpu: hasSpoken ? layersOnGpu(input.facts) : null,
    measuredBytes: hasSpoken ? measuredBytes(input) : null,
    predictedBytes: Object.fromEntries(input.takes.map((take) => [take.device, take.totalBytes - take.overheadBytes])),
    contextTokens: input.facts.contextTokens,
    cacheTypeK: input.facts.cacheTypeK,
    cacheTypeV: input.facts.cacheTypeV,
    tokensPerSecond: null,
    findings: [cause],
  };
}

const holdsModel = (facts: LoadFacts, device: string): boolean => (facts.buffers[device]?.modelBytes ?? 0) > 0;

/** Devices other than main memory that hold weights. */
const gpusInUse = (facts: LoadFacts): string[] =>
  Object.keys(facts.buffers).filter((device) => device !== 'Host' && holdsModel(facts, device));

/** Layers on a GPU: what the engine says, but none where no GPU holds any weights. */
const layersOnGpu = (facts: LoadFacts): number | null => (gpusInUse(facts).length === 0 ? 0 : facts.layersOffloaded);

/** What is mapped from the file counts as main memory only up to what was planned: the mapping spans what lies elsewhere too. */
function measuredBytes(input: Pick<JudgeInput, 'facts' | 'takes'>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(input.facts.buffers).map(([device, buffers]) => {
      const planned = input.takes.find((take) => take.device === device)?.weightBytes ?? 0;
      const resident = buffers.modelBytes - buffers.mappedBytes;
      const mapped =
        device === 'Host' ? Math.min(buffers.mappedBytes, Math.max(0, planned - resident)) : buffers.mappedBytes;
      return [device, bufferTotal(buffers) - buffers.mappedBytes + mapped];
    }),
  );
}

function placeFindings(input: JudgeInput): Finding[] {
  const { plan, facts } = input;
  const wanted = plan.gpuLayers > 0 ? plan.devices : [];
  const used = gpusInUse(facts);
  const missing = wanted.filter((device) => !used.includes(device));
  if (wanted.length > 0 && used.length === 0) {
    return [
      {
        message: `The model was planned for ${wanted.join(' and ')}, but all of it lies in main memory and runs on the CPU.`,
        hint: 'The engine finds no usable GPU: see drover doctor, update the driver, or prove the build again with drover engine install.',
      },
    ];
  }
  const findings: Finding[] = missing.map((device) => ({
    message: `${device} was to hold a part of the model and holds none.`,
    hint: 'See drover doctor: is the device there, and does the engine list it?',
  }));
  const stray = used.filter((device) => !wanted.includes(device));
  if (stray.length > 0) {
    findings.push({
      message: `${stray.join(' and ')} holds a part of the model that was planned elsewhere.`,
      hint: 'Look at the flags and the environment that are set for this model.',
    });
  }
  if (missing.length === 0 && facts.layersOffloaded !== null && facts.layersOffloaded < plan.gpuLayers) {
    findings.push({
      message: `${facts.layersOffloaded} layers lie on the GPU; ${plan.gpuLayers} were planned.`,
      hint: 'Look at the flags that are set for this model.',
    });
  }
  return findings;
}

function contextFindings(plan: LaunchPlan, facts: LoadFacts): Finding[] {
  const findings: Finding[] = [];
  if (facts.contextTokens !== null && facts.contextTokens < plan.contextTokens) {
    findings.push({
      message: `The context is ${facts.contextTokens} tokens; ${plan.contextTokens} were planned.`,
      hint: 'Set contextSize to what fits, or free some memory.',
    });
  }
  if (facts.slotCount !== null && facts.slotCount !== plan.slotCount) {
    findings.push({
      message: `The engine runs ${facts.slotCount} slots; ${plan.slotCount} were planned.`,
      hint: 'Look at the flags that are set for this model.',
    });
  }
  return findings;
}

function cacheFindings(plan: LaunchPlan, facts: LoadFacts): Finding[] {
  const findings: Finding[] = [];
  const pairs = [
    ['K', facts.cacheTypeK, plan.cacheTypeK],
    ['V', facts.cacheTypeV, plan.cacheTypeV],
  ] as const;
  for (const [part, real, planned] of pairs) {
    if (real === null || real === planned) continue;
    findings.push({
      message: `The ${part} cache is ${real}; ${planned} was planned.`,
      hint: 'Set cacheType for this model.',
    });
  }
  if (facts.hasFlashAttention === false && plan.flashAttention !== 'off' && plan.devices.length > 0) {
    findings.push({
      message:
        'Flash attention is off: the device or the model does not support it, so work areas grow with the context.',
      hint: 'Another backend may support it: see drover engine ls.',
    });
  }
  return findings;
}

function memoryFindings(
  measured: Readonly<Record<string, number>>,
  predicted: Readonly<Record<string, number>>,
  input: JudgeInput,
): Finding[] {
  const findings: Finding[] = [];
  const planned = new Set(['Host', ...(input.plan.gpuLayers > 0 ? input.plan.devices : [])]);
  for (const [device, bytes] of Object.entries(measured)) {
    const expected = predicted[device] ?? 0;
    if (!planned.has(device) || bytes <= expected + Math.max(expected / 10, TOLERANCE_BYTES)) continue;
    findings.push({
      message: `${nameOf(device)} holds ${mib(bytes)}; ${mib(expected)} were predicted.`,
      hint: 'The next load of this model reckons with it.',
    });
  }
  return findings;
}

const nameOf = (device: string): string => (device === 'Host' ? 'Main memory' : device);
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
