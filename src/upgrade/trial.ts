// Runs an executable that is about to take the place of this one, and sees whether it is what was promised and works on this
// machine, with this configuration. It must never be trusted before: its digest was checked, that is all.
import { Fault } from '../base/fault.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface TrialOptions {
  readonly environment: Environment;
  /** Words that name the configuration in use: `--data-dir`, `--config`. */
  readonly configWords: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

const ASK_MS = 60_000;
const SELF_TEST_MS = 120_000;

/** Says its version. Throws `unavailable` where it does not. */
export async function versionOf(
  program: string,
  options: Pick<TrialOptions, 'environment' | 'signal'>,
): Promise<string> {
  const said = await ask([program, 'version', '--json'], options);
  try {
    const { version } = JSON.parse(said) as { version?: unknown };
    if (typeof version === 'string') return version;
  } catch {
    // Told below.
  }
  throw new Fault('unavailable', `${program} does not say its version, but: ${said.slice(0, 200)}`);
}

/** Throws `unavailable` with what went wrong. */
export async function tryOut(program: string, version: string, options: TrialOptions): Promise<void> {
  const said = await versionOf(program, options);
  if (said !== version) throw new Fault('unavailable', `The new executable says that it is ${said}, not ${version}.`);
  await run([program, 'self-test'], SELF_TEST_MS, options);
  await ask([program, 'config', 'check', ...options.configWords], options);
}

/** What it prints. Throws `unavailable` where it fails. */
export const ask = (argv: readonly string[], options: Pick<TrialOptions, 'environment' | 'signal'>): Promise<string> =>
  run(argv, ASK_MS, options);

async function run(
  argv: readonly string[],
  timeoutMs: number,
  { environment, signal }: Pick<TrialOptions, 'environment' | 'signal'>,
): Promise<string> {
  const what = `"${argv.slice(1, 3).join(' ')}" of the new executable`;
  const deadline = AbortSignal.timeout(timeoutMs);
  let child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
  try {
    child = Bun.spawn([...argv], {
      // These two change what the runtime does, whatever program it carries.
      env: { ...environment, BUN_OPTIONS: undefined, BUN_BE_BUN: undefined },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      killSignal: 'SIGKILL',
    });
  } catch (thrown) {
    throw new Fault('unavailable', `The new executable cannot be run: ${String(thrown)}`, { cause: thrown });
  }
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  signal?.throwIfAborted();
  if (deadline.aborted) throw new Fault('unavailable', `${what} did not end within ${timeoutMs / 1000} s.`);
  if (exitCode === 0) return stdout;
  const words = stderr.trim().split('\n').slice(-5).join('\n') || 'it said nothing';
  throw new Fault('unavailable', `${what} failed (${child.signalCode ?? exitCode}): ${words}`);
}
