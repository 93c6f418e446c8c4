// Runs a vendor's own tool (nvidia-smi, sysctl, PowerShell) and returns what it said. Always an argv array, a
// deadline and a cap on output. It must never use a shell, nor wait for a tool that does not die.
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';

export interface ToolOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ToolResult {
  /** `exited`; `timeout`: killed at its deadline; `failed`: it could not be started. */
  readonly outcome: 'exited' | 'timeout' | 'failed';
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 1 << 20;

/** Absolute candidates first: PATH may name a folder that others can write to. */
export function findTool(name: string, candidates: readonly string[]): string | null {
  for (const path of candidates) if (isAbsolute(path) && existsSync(path)) return path;
  const found = Bun.which(name);
  // Windows looks into the current folder first; a tool there is not the vendor's.
  if (found === null || !isAbsolute(found) || dirname(found) === resolve('.')) return null;
  return found;
}

export async function runTool(argv: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const { timeoutMs, signal } = options;
  if (signal?.aborted === true) return nothing('failed', 'cancelled');
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const child = Bun.spawn([...argv], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      windowsHide: true,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    const finished = Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]).then(([exitCode, stdout, stderr]): ToolResult => ({ outcome: 'exited', exitCode, stdout, stderr }));
    // A tool that hangs in the kernel (a GPU that fell off the bus) survives SIGKILL: leave it, do not wait.
    const late = new Promise<ToolResult>((settle) => {
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        child.unref();
        settle(nothing('timeout', `no answer within ${timeoutMs} ms`));
      }, timeoutMs);
    });
    return await Promise.race([finished, late]);
  } catch (thrown) {
    return nothing('failed', thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    clearTimeout(timer);
  }
}

const nothing = (outcome: 'timeout' | 'failed', stderr: string): ToolResult => ({
  outcome,
  exitCode: null,
  stdout: '',
  stderr,
});
