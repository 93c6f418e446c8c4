// Between OBT's wire and our words: MB, GB, MHz, seconds, percent. Pure. What is unknown is "unknown" or 0, as its document
// has no null.
import { type Fault, statusOf } from '../../base/fault.ts';
import { TEST_KINDS, type TestKind } from '../../core/bench-plans.ts';
import type { ModelView } from '../../core/drover.ts';
import type { MachineFacts } from '../../core/machine-facts.ts';
import type { TestMetrics } from '../../core/test-metrics.ts';
import type { SessionState, TestRecord, TestResult, TestSession, TestState } from '../../core/test-records.ts';

export interface WireError {
  readonly status: number;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function errorBody(fault: Fault): WireError {
  const details = { ...(fault.hint === undefined ? {} : { hint: fault.hint }), ...fault.details };
  return {
    status: statusOf(fault.kind),
    message: fault.message,
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const MHZ = 1e6;

const word = (text: string | null | undefined): string => text || 'unknown';
const isoTime = (at: number): string => new Date(at).toISOString();
const whole = (value: number | null, unit: number): number => (value === null ? 0 : Math.round(value / unit));
/** A thousandth is as much as anybody can measure. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Such as `{name: 'qwen3-4b', tags: ['Q4_K_M', 'text']}`. */
export const modelToWire = (model: ModelView) => ({
  name: model.id,
  tags: [
    ...(model.quantization === null ? [] : [model.quantization]),
    model.isCustom ? 'custom' : model.kind,
    ...(model.hasVision ? ['vision'] : []),
    ...(model.canUseTools ? ['tools'] : []),
    ...model.aliases,
  ],
  version: word(model.quantization),
  size: model.sizeBytes ?? 0,
  modified: isoTime(model.createdAt),
});

/** What can be tested. */
export const modelsToWire = (models: readonly ModelView[]) => ({
  models: models.filter(({ failure, isListed }) => failure === null && isListed).map(modelToWire),
});

export const hardwareToWire = ({ cpu, gpus, ram, storage, os, bios }: MachineFacts) => ({
  cpu: {
    model: word(cpu.model),
    cores: cpu.physicalCores ?? 0,
    threads: cpu.threads,
    frequency: whole(cpu.maxHz, MHZ),
    microcode: word(cpu.microcode),
  },
  gpu: gpus.map(({ name, driverVersion, totalBytes }) => ({
    model: word(name),
    driver: word(driverVersion),
    memory: whole(totalBytes, MIB),
  })),
  ram: { total: whole(ram.totalBytes, MIB), type: word(ram.type), frequency: whole(ram.hz, MHZ) },
  storage: { type: word(storage.kind), size: whole(storage.sizeBytes, GIB) },
  os: { name: word(os.name), version: word(os.version), kernel: word(os.kernel) },
  bios: { vendor: word(bios.vendor), version: word(bios.version), date: word(bios.date) },
});

export const METRIC_NAMES = [
  ...(['inferenceTime', 'tokensPerSecond', 'ramUsage', 'vramUsage', 'cpuUsage', 'gpuUsage'] as const),
];
export type MetricName = (typeof METRIC_NAMES)[number];
export type WireMetrics = Readonly<Record<MetricName, number>>;

export const metricsToWire = (metrics: TestMetrics | null): WireMetrics => ({
  inferenceTime: Math.round((metrics?.inferenceMs ?? 0) * 1000) / 1e6,
  tokensPerSecond: rounded(metrics?.tokensPerSecond ?? 0),
  ramUsage: rounded((metrics?.peakResidentBytes ?? 0) / MIB),
  vramUsage: rounded((metrics?.peakVideoBytes ?? 0) / MIB),
  cpuUsage: rounded((metrics?.cpuRatio ?? 0) * 100),
  gpuUsage: rounded((metrics?.gpuRatio ?? 0) * 100),
});

/** OBT's first document called the types so. */
const ALIASES: Readonly<Record<TestKind, string>> = { completion: 'test_a', chat: 'test_b', embedding: 'test_c' };
const DESCRIPTIONS: Readonly<Record<TestKind, string>> = {
  completion: 'Continues a text of 128 tokens by 128.',
  chat: 'Answers a question with 128 tokens, through the model’s own template.',
  embedding: 'Makes the vector of a text of 128 tokens.',
};

/** Null: there is no such type. */
export const kindOf = (name: string): TestKind | null =>
  TEST_KINDS.find((kind) => kind === name || ALIASES[kind] === name) ?? null;

export const testTypesToWire = () => ({
  testTypes: TEST_KINDS.map((name) => ({ name, aliases: [ALIASES[name]], description: DESCRIPTIONS[name] })),
});

type WireStatus = 'running' | 'completed' | 'error';
const STATUSES: Readonly<Record<SessionState | TestState, WireStatus>> = {
  queued: 'running',
  pending: 'running',
  running: 'running',
  completed: 'completed',
  failed: 'error',
};

export const startedToWire = ({ id }: TestSession) => ({
  sessionId: id,
  status: 'started',
  message: `GET /api/v1/test-sessions/${id} tells how it goes on.`,
});

const common = (session: TestSession) => ({
  id: session.id,
  date: isoTime(session.createdAt),
  status: STATUSES[session.state],
  ...(session.failure === null ? {} : { message: session.failure }),
  ...(session.name === null ? {} : { name: session.name }),
  hardware: hardwareToWire(session.hardware),
  tags: [...session.tags],
});

const namesOf = ({ tests }: TestSession): string[] => [...new Set(tests.map(({ modelId }) => modelId))];

export const sessionToRow = (session: TestSession) => ({
  ...common(session),
  models: namesOf(session),
  ...(STATUSES[session.state] === 'running'
    ? {}
    : {
        results: session.tests.map(({ modelId, kind, state, metrics }) => ({
          modelName: modelId,
          testType: kind,
          status: STATUSES[state],
          metrics: metricsToWire(metrics),
        })),
      }),
});

export const sessionToWire = (session: TestSession) => ({
  ...common(session),
  models: namesOf(session).map((name) => ({
    name,
    tests: session.tests.filter(({ modelId }) => modelId === name).map(testToWire),
  })),
});

const testToWire = ({ kind, state, metrics, notes, failure }: TestRecord) => ({
  type: kind,
  status: STATUSES[state],
  metrics: metricsToWire(metrics),
  logs: [...notes],
  ...(failure === null ? {} : { error: failure }),
});

export const changedToWire = ({ id }: TestSession, status: 'cancelled' | 'deleted') => ({ sessionId: id, status });

/** `names`: the figures that are wanted; none: all. */
export function resultToWire(result: TestResult, names: readonly MetricName[]) {
  const metrics = metricsToWire(result.metrics);
  const wanted = names.length === 0 ? METRIC_NAMES : names;
  return {
    sessionId: result.sessionId,
    modelName: result.modelId,
    testType: result.kind,
    hardware: hardwareToWire(result.hardware),
    metrics: Object.fromEntries(wanted.map((name) => [name, metrics[name]])),
    date: isoTime(result.at),
  };
}
