// What the benchmarks share: medians, percentiles, a plain llama-server to compare with.
import { testEngine } from '../fixtures/engine.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Met when the value is at most (or, for `≥`, at least) this. */
  readonly target: number;
  readonly direction?: 'at_most' | 'at_least';
  readonly note?: string;
}

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};
export const median = (values: readonly number[]): number => percentile(values, 0.5);

export interface DirectEngine extends AsyncDisposable {
  readonly url: string;
  /** From spawn to the first healthy answer, in milliseconds. */
  readonly startMs: number;
  /** From SIGTERM to the exit, in milliseconds. */
  stop(): Promise<number>;
}

/** A llama-server of its own, asked for health in a tight loop: the engine's own time and nothing else. */
export async function startDirect(model: string, args: readonly string[] = []): Promise<DirectEngine> {
  const engine = await testEngine();
  const portNumber = await freePort();
  const url = `http://127.0.0.1:${portNumber}`;
  const startedAt = performance.now();
  const child = Bun.spawn(
    [
      ...engine.launch,
      '-m',
      model,
      '--host',
      '127.0.0.1',
      '--port',
      String(portNumber),
      '--offline',
      '--no-ui',
      ...args,
    ],
    { stdout: 'ignore', stderr: 'ignore', stdin: 'ignore', env: { PATH: process.env.PATH ?? '' } },
  );
  for (;;) {
    try {
      const answer = await fetch(`${url}/health`);
      await answer.arrayBuffer();
      if (answer.ok) break;
    } catch {
      // Not listening yet.
    }
    if (child.exitCode !== null) throw new Error('llama-server ended at start');
    await Bun.sleep(1);
  }
  const startMs = performance.now() - startedAt;
  const stop = async (): Promise<number> => {
    const at = performance.now();
    child.kill('SIGTERM');
    await child.exited;
    return performance.now() - at;
  };
  return { url, startMs, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

export async function freePort(): Promise<number> {
  const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = server;
  server.stop(true);
  return port;
}

export interface ChatOptions {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly isStream?: boolean;
}

export const chatBody = (options: ChatOptions = {}): string =>
  JSON.stringify({
    model: options.model ?? 'tiny-a',
    messages: [{ role: 'user', content: 'the water' }],
    max_tokens: options.maxTokens ?? 1,
    temperature: 0,
    ignore_eos: true,
    stream: options.isStream ?? false,
  });

/** Sends one completion and reads it to its end; returns its milliseconds, its first byte's, and its bytes. */
export async function chat(
  url: string,
  body: string,
): Promise<{ totalMs: number; firstByteMs: number; bytes: number }> {
  const at = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  let firstByteMs = 0;
  let bytes = 0;
  if (response.body !== null) {
    for await (const chunk of response.body) {
      if (firstByteMs === 0) firstByteMs = performance.now() - at;
      bytes += chunk.length;
    }
  }
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return { totalMs: performance.now() - at, firstByteMs, bytes };
}

export interface ProcessFigures {
  readonly rssBytes: number;
  readonly peakRssBytes: number;
  readonly cpuMs: number;
}

/** Figures of a process from /proc; Linux only. */
export async function processFigures(pid: number): Promise<ProcessFigures> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime in clock ticks of 10 ms; see proc(5).
  return { rssBytes: kib('VmRSS'), peakRssBytes: kib('VmHWM'), cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 };
}
