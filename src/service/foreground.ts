// A program that takes this terminal over until it ends: its input, output and signals are its own, its exit code is ours.
// It must never outlive a wish to end us.
import { Fault } from '../base/fault.ts';
import { insideQuotes } from './windows-task.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ForegroundProgram {
  /** As `programOnPath` found it. */
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: Environment;
}

/** The file that a shell would start for that name, on Windows with its ending (`claude.cmd`); null where there is none. */
export const programOnPath = (name: string, environment: Environment): string | null =>
  Bun.which(name, { PATH: environment.PATH ?? environment.Path ?? '' });

/** Resolves with its exit code, as shells have it. Throws `not_found` where it cannot be started. */
export async function runInForeground({ path, args, environment }: ForegroundProgram): Promise<number> {
  const isBatch = process.platform === 'win32' && /\.(?:cmd|bat)$/i.test(path);
  const argv = isBatch ? batchCommand(path, args, environment.ComSpec ?? 'cmd.exe') : [path, ...args];
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn([...argv], {
      stdio: ['inherit', 'inherit', 'inherit'],
      // These are for the runtime that we are made of.
      env: { ...environment, BUN_OPTIONS: undefined, BUN_BE_BUN: undefined },
      windowsVerbatimArguments: isBatch,
    });
  } catch (thrown) {
    throw new Fault('not_found', `${path} cannot be started: ${String(thrown)}`, { cause: thrown, blame: 'machine' });
  }
  // The terminal gives these to the program too; what they mean is its own affair.
  const leaveToIt = (): void => undefined;
  const passOn = (signal: NodeJS.Signals): void => child.kill(signal);
  process.on('SIGINT', leaveToIt).on('SIGQUIT', leaveToIt);
  process.on('SIGTERM', passOn).on('SIGHUP', passOn);
  try {
    await child.exited;
  } finally {
    process.off('SIGINT', leaveToIt).off('SIGQUIT', leaveToIt);
    process.off('SIGTERM', passOn).off('SIGHUP', passOn);
  }
  const { exitCode, signalCode } = child;
  return exitCode ?? 128 + (SIGNALS[signalCode ?? ''] ?? 1);
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };

/**
 * A batch file has no argv: cmd.exe reads one line, and the batch file hands it to its program by `%*`, which cmd.exe reads
 * once more. So each argument is quoted for the program, and its signs that mean something to cmd.exe are disarmed twice.
 */
export function batchCommand(path: string, args: readonly string[], shell: string): string[] {
  const disarmed = (text: string): string => text.replace(/[()%!^"<>&|;, *?[\]]/g, '^$&');
  const asArgument = (text: string): string => disarmed(disarmed(`"${insideQuotes(text)}"`));
  return [shell, '/d', '/s', '/c', `"${[disarmed(path), ...args.map(asArgument)].join(' ')}"`];
}

export type Shell = 'posix' | 'powershell';
export const usualShell = (platform: NodeJS.Platform = process.platform): Shell =>
  platform === 'win32' ? 'powershell' : 'posix';
