// Asks a build what it is: its version, the options that its --help knows, the devices that it sees. Each question is a
// short child with a deadline, a scrubbed environment and the build's own folder as its current one. No model is loaded.
import { dirname } from 'node:path';
import { Fault } from '../base/fault.ts';
import { untilAborted } from '../base/sync.ts';
import type { Backend, EngineDevice } from './build.ts';
import { environmentFor } from './command-environment.ts';
import { Child } from './process-child.ts';
import type { LaunchRecipe } from './sources/source.ts';

export interface InspectOptions {
  /** Ours; what of it a child may see is decided here. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** For each question; the first start of a fresh build can be slow where a virus scanner reads it. Default 30 s. */
  readonly timeoutMs?: number | undefined;
}

export interface Inspection {
  /** `0.7.0 (build 11669, commit Debian)`. */
  readonly version: string;
  readonly buildNumber: number | null;
  readonly flags: ReadonlySet<string>;
  readonly devices: readonly EngineDevice[];
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_LINES = 10_000;

/** Throws a Fault `bad_gateway` with the reason as a sentence where the build does not run on this machine. */
export async function inspectBuild(recipe: LaunchRecipe, options: InspectOptions): Promise<Inspection> {
  const version = parseVersion(await ask(recipe, '--version', options));
  const [help, devices] = await Promise.all([ask(recipe, '--help', options), inspectDevices(recipe, options)]);
  const flags = parseFlags(help);
  if (!flags.has('--port')) {
    throw new Fault('bad_gateway', 'It answers, but not as llama-server does: its --help names no --port.');
  }
  return { ...version, flags, devices };
}

/** The devices alone; they change with drivers and plugged GPUs while the build stays. */
export async function inspectDevices(recipe: LaunchRecipe, options: InspectOptions): Promise<EngineDevice[]> {
  return parseDevices(await ask(recipe, '--list-devices', options));
}

async function ask(recipe: LaunchRecipe, question: string, options: InspectOptions): Promise<string> {
  options.signal?.throwIfAborted();
  const lines: string[] = [];
  let child: Child;
  try {
    child = Child.start({
      argv: [...recipe.launch, question],
      environment: environmentFor({ apiKey: null, inherited: options.environment, extra: [recipe.environment] }),
      // Plugins are searched in the current folder too: it must be the build's own.
      workingFolder: dirname(recipe.launch.at(-1) ?? '.'),
      onLine: (line) => {
        if (lines.length < MAX_LINES) lines.push(line);
      },
    });
  } catch (thrown) {
    throw new Fault(
      'bad_gateway',
      `It cannot be started: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
      {
        cause: thrown,
      },
    );
  }
  try {
    const late = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const stop = options.signal === undefined ? late : AbortSignal.any([options.signal, late]);
    const exit = await untilAborted(child.exited, stop).catch((thrown: unknown) => {
      options.signal?.throwIfAborted();
      throw new Fault('bad_gateway', `It did not answer ${question} in time.`, { cause: thrown });
    });
    // Versions have been printed to stderr and to stdout over the years.
    const output = lines.join('\n');
    if (exit.code !== 0) throw new Fault('bad_gateway', explainExit(exit.code, exit.signal, output));
    return output;
  } finally {
    await child.end(0);
  }
}

/** Why a build did not run, as one sentence for people. */
export function explainExit(exitCode: number | null, signal: string | null, output: string): string {
  const missing = /version [`'"]?(GLIBC(?:XX)?_[\d.]+)['"`]? not found/.exec(output);
  if (missing !== null) return `This system is too old for it: it needs ${missing[1]}.`;
  const library =
    /error while loading shared libraries: ([^:\s]+)/.exec(output) ?? /Library not loaded: (\S+)/.exec(output);
  if (library !== null) return `A library that it needs is missing: ${library[1]}.`;
  if (signal === 'SIGILL') return 'This CPU lacks instructions that it needs (illegal instruction).';
  // STATUS_DLL_NOT_FOUND, STATUS_ILLEGAL_INSTRUCTION
  if (exitCode !== null && exitCode >>> 0 === 0xc0000135) return 'A library (DLL) that it needs is missing.';
  if (exitCode !== null && exitCode >>> 0 === 0xc000001d) return 'This CPU lacks instructions that it needs.';
  const last = output.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
  const how = signal === null ? `with code ${exitCode}` : `by ${signal}`;
  return last === '' ? `It ended ${how}.` : `It ended ${how}: ${last}`;
}

/** Reads `version: 0.7.0 (build 11669, commit Debian)`, and the older `version: 6940 (c5023daf6)`. */
export function parseVersion(output: string): { readonly version: string; readonly buildNumber: number | null } {
  const line = /^version:\s*(.+?)\s*$/m.exec(output)?.[1];
  if (line === undefined) throw new Fault('bad_gateway', 'It prints no version, as llama-server does.');
  const number = /\bbuild (\d+)/.exec(line)?.[1] ?? /^(\d+)\s/.exec(line)?.[1] ?? /^b(\d+)\b/.exec(line)?.[1];
  return { version: line.slice(0, 200), buildNumber: number === undefined ? null : Number(number) };
}

/** The option names of `--help`, dashes included; those that are only listed as removed are left out. */
export function parseFlags(help: string): Set<string> {
  const flags = new Set<string>();
  for (const entry of help.split(/\r?\n(?=-)/)) {
    const names: string[] = [];
    let rest = entry;
    for (;;) {
      const match = /^(--?[A-Za-z0-9][\w.-]*)(,\s+(?=-))?/.exec(rest);
      if (match?.[1] === undefined) break;
      names.push(match[1]);
      rest = rest.slice(match[0].length);
      if (match[2] === undefined) break;
    }
    if (/the argument has been removed/.test(entry)) continue;
    for (const name of names) flags.add(name);
  }
  return flags;
}

/** Reads `  CUDA0: NVIDIA H200 (143167 MiB, 142600 MiB free)`. */
export function parseDevices(output: string): EngineDevice[] {
  const bytes = (mebibytes: string | undefined): number | null =>
    mebibytes === undefined ? null : Number(mebibytes) * 1024 * 1024;
  return [...output.matchAll(/^\s+([A-Za-z][\w[\]:.-]*): (.+?) \((\d+) MiB(?:, (\d+) MiB free)?\)\s*$/gm)].map(
    (match) => ({
      id: match[1] ?? '',
      name: match[2] ?? '',
      totalBytes: bytes(match[3]),
      freeBytes: bytes(match[4]),
    }),
  );
}

const DEVICE_BACKENDS: readonly (readonly [RegExp, Backend])[] = [
  [/^CUDA\d/, 'cuda'],
  [/^ROCm\d/, 'rocm'],
  [/^(MTL\d|Metal)/, 'metal'],
  [/^SYCL\d/, 'sycl'],
  [/^Vulkan\d/, 'vulkan'],
];

/** The best backend among device or buffer names; `cpu` where none is a GPU's. */
export function backendOf(names: readonly string[]): Backend {
  return DEVICE_BACKENDS.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? 'cpu';
}
