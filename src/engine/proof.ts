// Runs the probe model on a build with all layers offloaded and sees on which device it really lay. A build for a GPU
// that ran on the CPU has failed, however well it answered. The child is always ended.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault, toFault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';
import type { Log } from '../base/log.ts';
import type { Backend, EngineBuild, Proof } from './build.ts';
import { completeShortly } from './client-completion.ts';
import { environmentFor } from './command-environment.ts';
import { stampOf } from './installed.ts';
import { EngineProcess } from './process.ts';

export interface ProofContext {
  /** The engines' folder; the probe model is copied here. */
  readonly root: string;
  readonly probeModel: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Default 120 s. */
  readonly proofTimeoutMs?: number | undefined;
}

/** At their first use drivers compile all that runs on a GPU, which takes a slow machine a minute and more. */
const PROOF_TIMEOUT_MS = 120_000;
const PROOF_TOKENS = 8;

/** Resolves with what came of it; rejects only when the signal aborts or the probe model itself cannot be read. */
export async function proveBuild(build: Omit<EngineBuild, 'proof'>, context: ProofContext): Promise<Proof> {
  const model = placeProbeModel(context);
  const apiKey = randomBytes(24).toString('hex');
  const bufferDevices: string[] = [];
  const deadline = AbortSignal.timeout(context.proofTimeoutMs ?? PROOF_TIMEOUT_MS);
  const signal = context.signal === undefined ? deadline : AbortSignal.any([context.signal, deadline]);
  const engine = new EngineProcess(
    {
      name: `the probe on ${build.id}`,
      argv: [...build.launch, ...probeArguments(build, model)],
      environment: environmentFor({ apiKey, inherited: context.environment, extra: [build.environment] }),
      workingFolder: dirname(build.launch.at(-1) ?? build.folder),
      host: '127.0.0.1',
      portNumber: null,
      healthPath: '/health',
      apiKey,
      readyTimeoutMs: context.proofTimeoutMs ?? PROOF_TIMEOUT_MS,
      stopTimeoutMs: 1000,
      stopCommand: null,
    },
    {
      onState: () => undefined,
      onLine: (line) => {
        const device = modelBufferDevice(line);
        if (device !== null && !bufferDevices.includes(device)) bufferDevices.push(device);
      },
      log: context.log,
    },
  );
  let tokensPerSecond: number | null = null;
  let failure: string | null = null;
  try {
    const ready = await engine.ensureReady(signal);
    const answer = await completeShortly(
      { baseUrl: ready.baseUrl, apiKey },
      PROOF_TOKENS,
      AbortSignal.any([signal, ready.signal]),
    );
    tokensPerSecond = answer.tokensPerSecond;
  } catch (thrown) {
    if (context.signal?.aborted !== true) failure = describe(thrown, deadline.aborted, engine);
  } finally {
    // Its last lines are read before this resolves.
    await engine
      .stop({ force: true })
      .catch((thrown: unknown) => context.log.error(String(thrown), { build: build.id }));
  }
  context.signal?.throwIfAborted();
  const reason = failure ?? whyNotOnGpu(build.backend, bufferDevices);
  return { at: Date.now(), isGood: reason === null, bufferDevices, tokensPerSecond, reason };
}

function probeArguments(build: Omit<EngineBuild, 'proof'>, model: string): string[] {
  const known = (flag: string, ...words: string[]): string[] => (build.flags.has(flag) ? [flag, ...words] : []);
  return [
    ...['-m', model, '--host', '127.0.0.1', '--port', '0', '-ngl', build.backend === 'cpu' ? '0' : '99', '-c', '256'],
    ...known('-np', '1'),
    // More threads than free cores wait for each other in a spin: 4 tokens a second on a busy machine, and thousands with one.
    ...known('-t', '1'),
    ...known('--cache-ram', '0'),
    ...known('-lv', '4'),
    ...known('--log-colors', 'off'),
    ...known('--no-ui'),
    ...known('--offline'),
    // The plan is the whole model on the device; nothing is to be fitted around that.
    ...known('-fit', 'off'),
    // A CPU build may carry plugins for GPUs too.
    ...(build.backend === 'cpu' ? known('-dev', 'none') : []),
  ];
}

/**
 * The device of `load_tensors:      Vulkan0 model buffer size =   0.55 MiB`; null in any other line and for empty buffers.
 * `CPU_Mapped`, `CPU_REPACK` and pinned host memory (`Vulkan_Host`) are the CPU.
 */
export function modelBufferDevice(line: string): string | null {
  const match = /(\S+) model buffer size\s*=\s*([\d.]+) MiB/.exec(line);
  if (match?.[1] === undefined || Number(match[2]) === 0) return null;
  const name = match[1];
  if (/^(CPU|BLAS|AMX)/.test(name) || /_Host$/.test(name)) return 'CPU';
  return name.replace(/_(Mapped|Private|Split|REPACK)$/, '');
}

// The line "offloaded N/N layers to GPU" is printed by builds without any GPU too; only buffers tell.
function whyNotOnGpu(backend: Backend, bufferDevices: readonly string[]): string | null {
  if (backend === 'cpu') return null;
  if (bufferDevices.some((device) => device !== 'CPU')) return null;
  return bufferDevices.length === 0
    ? `It answered, but did not say where the model lay, so it is not proven that ${backend} works.`
    : `The model lay in the CPU's memory, not on a GPU: ${backend} finds no usable device.`;
}

function describe(thrown: unknown, isLate: boolean, engine: EngineProcess): string {
  if (isLate) return 'The probe model did not answer in time.';
  const fault = engine.failure ?? toFault(thrown, 'bad_gateway');
  return `The probe model failed: ${fault.message}`;
}

/** Children cannot read what is embedded in our executable: the model is copied beside the engines, once. */
function placeProbeModel(context: ProofContext): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(context.probeModel);
  } catch (cause) {
    throw new Fault('internal', `The probe model cannot be read: ${context.probeModel}`, { cause });
  }
  const digest = createHash('sha256').update(bytes).digest('hex');
  const path = join(context.root, `.probe-${digest.slice(0, 12)}.gguf`);
  if (stampOf(path)?.sizeBytes !== bytes.length) {
    mkdirSync(context.root, { recursive: true });
    writeFileAtomically(path, bytes);
  }
  return path;
}
