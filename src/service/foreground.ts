// Runs another program in our place: with our terminal, its signals and its exit code. It must never put anything between the
// two.
import { Fault } from '../base/fault.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Resolves with its exit code, as shells have it. Throws `unavailable` where it cannot be started. */
export async function runInForeground(argv: readonly string[], environment: Environment): Promise<number> {
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn([...argv], {
      // They are for the runtime that we are made of.
      env: { ...environment, BUN_OPTIONS: undefined, BUN_BE_BUN: undefined },
      stdio: ['inherit', 'inherit', 'inherit'],
    });
  } catch (thrown) {
    throw new Fault('unavailable', `${argv[0]} cannot be started: ${String(thrown)}`, {
      blame: 'machine',
      cause: thrown,
    });
  }
  // A terminal sends its own signals to both of us; what it does with them is the program's to say.
  const ignore = (): void => undefined;
  const passOn = (): void => child.kill('SIGTERM');
  process.on('SIGINT', ignore);
  process.on('SIGTERM', passOn);
  try {
    await child.exited;
  } finally {
    process.off('SIGINT', ignore);
    process.off('SIGTERM', passOn);
  }
  return child.exitCode ?? 128 + 15;
}

/** Where it is found, extensions of Windows included; null: nowhere. */
export const programOnPath = (name: string, environment: Environment): string | null =>
  Bun.which(name, { PATH: environment.PATH ?? environment.Path ?? '' });

export type Shell = 'posix' | 'powershell';
export const usualShell = (platform: NodeJS.Platform = process.platform): Shell =>
  platform === 'win32' ? 'powershell' : 'posix';
