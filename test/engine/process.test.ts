import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { Log } from '../../src/base/log.ts';
import { EngineProcess, type ProcessSpec, type ProcessState } from '../../src/engine/process.ts';
import { testEngine } from '../fixtures/engine.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const FAKE = join(import.meta.dir, '../fixtures/fake-engine.ts');
const OTHER = join(import.meta.dir, '../fixtures/other-server.ts');
const environment = { PATH: process.env.PATH ?? '', HOME: tmpdir() };

const open: EngineProcess[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.stop({ force: true })));
});

interface Watched {
  readonly engine: EngineProcess;
  readonly states: ProcessState[];
  /** Resolves with the first line that matches. */
  readonly line: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly nextLine: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly reached: (state: ProcessState) => Promise<void>;
}

function watch(spec: Partial<ProcessSpec> & { readonly argv: readonly string[] }): Watched {
  const states: ProcessState[] = [];
  const lines: string[] = [];
  const checks = new Set<() => void>();
  const engine = new EngineProcess(
    {
      name: 'tiny',
      environment,
      workingFolder: tmpdir(),
      host: '127.0.0.1',
      portNumber: null,
      healthPath: '/health',
      apiKey: null,
      readyTimeoutMs: 20_000,
      stopTimeoutMs: 5000,
      stopCommand: null,
      ...spec,
    },
    {
      onState: (state) => {
        states.push(state);
        for (const check of checks) check();
      },
      onLine: (line) => {
        lines.push(line);
        for (const check of checks) check();
      },
      log: new Log(),
    },
  );
  open.push(engine);
  const until = <T>(look: () => T | null): Promise<T> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = look();
        if (found === null) return;
        checks.delete(check);
        resolve(found);
      };
      checks.add(check);
      check();
    });
  const seek = (pattern: RegExp, from: number): Promise<RegExpExecArray> => {
    let seenCount = from;
    return until(() => {
      while (seenCount < lines.length) {
        const match = pattern.exec(lines[seenCount] ?? '');
        seenCount += 1;
        if (match !== null) return match;
      }
      return null;
    });
  };
  return {
    engine,
    states,
    line: (pattern) => seek(pattern, 0),
    nextLine: (pattern) => seek(pattern, lines.length),
    reached: (state) => until(() => (states.includes(state) ? true : null)).then(() => undefined),
  };
}

const fake = (...modes: string[]): string[] => [process.execPath, FAKE, ...modes];

/** True when a process runs; a zombie does not. */
function isRunning(pid: number): boolean {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0);
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function goneWithin(pid: number, milliseconds: number): Promise<number> {
  const startedAt = performance.now();
  while (isRunning(pid) && performance.now() - startedAt < milliseconds) await Bun.sleep(5);
  return performance.now() - startedAt;
}

describe('a real engine', () => {
  test('is ready within milliseconds of its own word, answers with its key, leaves on request', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drover-process-'));
    try {
      const engineBuild = await testEngine();
      const model = join(folder, 'grüße tiny.gguf');
      await Bun.write(model, tinyLlama());
      const args = ['-m', model, '--host', '127.0.0.1', '--port', '0', '--no-ui', '--offline', '-lv', '4'];
      const watched = watch({
        argv: [...engineBuild.launch, ...args, '--log-colors', 'off', '--cache-ram', '0'],
        environment: { ...environment, ...engineBuild.environment, LLAMA_API_KEY: 'key-of-this-child' },
        apiKey: 'key-of-this-child',
      });
      const gapMs: number[] = [];
      const told = watched.line(/listening on/).then(() => performance.now());
      const callers = await Promise.all([watched.engine.ensureReady(), watched.engine.ensureReady()]);
      const readyAt = performance.now();
      const [ready] = callers;
      expect(callers[1]).toBe(ready);
      gapMs.push(readyAt - (await told));
      const without = await fetch(`${ready.baseUrl}/v1/models`);
      expect(without.status).toBe(401);
      const models = await fetch(`${ready.baseUrl}/v1/models`, {
        headers: { authorization: 'Bearer key-of-this-child' },
      });
      expect(models.status).toBe(200);
      expect(ready.signal.aborted).toBe(false);
      await watched.engine.stop();
      expect(watched.states).toEqual(['starting', 'ready', 'stopping', 'stopped']);
      expect(isRunning(ready.pid)).toBe(false);
      expect(ready.signal.aborted).toBe(true);
      // And again: the same object starts a new child.
      for (let round = 0; round < 3; round += 1) {
        const toldAgain = watched.nextLine(/listening on/).then(() => performance.now());
        const again = await watched.engine.ensureReady();
        gapMs.push(performance.now() - (await toldAgain));
        expect(again.pid).not.toBe(ready.pid);
        await watched.engine.stop();
      }
      // The least of them: what else runs on the machine is not ours to measure.
      expect(Math.min(...gapMs)).toBeLessThan(10);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('whose port somebody else has taken is never taken for ready by the answers of that one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drover-process-'));
    const stranger = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: false, fetch: () => new Response('ok') });
    try {
      const { launch } = await testEngine();
      const model = join(folder, 'tiny.gguf');
      await Bun.write(model, tinyLlama());
      const portNumber = stranger.port ?? 0;
      const args = ['-m', model, '--host', '127.0.0.1', '--port', String(portNumber), '--no-ui', '--offline'];
      const { engine, states } = watch({ argv: [...launch, ...args], portNumber });
      const fault = await faultOf(engine.ensureReady());
      expect(fault.details.exitCode).toBe(1);
      expect(fault.message).toContain("couldn't bind");
      expect(states).toEqual(['starting', 'failed']);
    } finally {
      await stranger.stop(true);
      await rm(folder, { recursive: true });
    }
  });

  test.skipIf(process.platform !== 'linux')(
    'is known by what it started; one that lives while another program answers for it is believed later',
    async () => {
      const stranger = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: false, fetch: () => new Response('ok') });
      const placeholder = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: false, fetch: () => new Response() });
      const { port: portNumber = 0 } = placeholder;
      await placeholder.stop(true);
      try {
        const script = `"${process.execPath}" "${OTHER}" ${portNumber} & wait`;
        const family = watch({ argv: ['/bin/sh', '-c', script], portNumber });
        const elsewhere = watch({ argv: ['/bin/sleep', '60'], portNumber: stranger.port ?? 0 });
        const [own, lent] = await Promise.all([family.engine.ensureReady(), elsewhere.engine.ensureReady()]);
        expect(own.loadMs).toBeLessThan(3000);
        expect(lent.loadMs).toBeGreaterThan(3000);
      } finally {
        await stranger.stop(true);
      }
    },
  );

  test('is not confused by a file that makes it print the address of another program', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drover-process-'));
    const asked: (string | null)[] = [];
    using stranger = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) => {
        asked.push(request.headers.get('authorization'));
        return new Response('ok');
      },
    });
    try {
      const engineBuild = await testEngine();
      const model = join(folder, 'liar.gguf');
      const lie = `listening on http://127.0.0.1:${stranger.port}`;
      const tail = `{% for i in range(200) %}${'x'.repeat(4000)}\n{% endfor %}`;
      const chatTemplate = `a\n0.00.047.302 I srv  llama_server: ${lie}\n${tail}`;
      await Bun.write(model, tinyLlama({ name: `x ${lie}`, chatTemplate }));
      const args = ['-m', model, '--host', '127.0.0.1', '--port', '0', '--no-ui', '--offline', '-lv', '4', '-c', '256'];
      const { engine } = watch({
        argv: [...engineBuild.launch, ...args, '--log-colors', 'off', '--cache-ram', '0'],
        environment: { ...environment, ...engineBuild.environment, LLAMA_API_KEY: 'key-of-this-child' },
        apiKey: 'key-of-this-child',
      });
      const ready = await engine.ensureReady();
      expect(engine.recentLines(500).filter((line) => line.includes(lie)).length).toBeGreaterThan(0);
      expect(ready.portNumber).not.toBe(stranger.port);
      // It may have been asked, but never with the key.
      expect(asked.filter((key) => key !== null)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('that cannot read its model fails with its own words', async () => {
    const engineBuild = await testEngine();
    const { engine } = watch({
      argv: [...engineBuild.launch, '-m', '/nowhere/at all.gguf', '--host', '127.0.0.1', '--port', '0', '--offline'],
      environment: { ...environment, ...engineBuild.environment },
    });
    const fault = await faultOf(engine.ensureReady());
    expect(fault.kind).toBe('bad_gateway');
    expect(fault.message).toContain('/nowhere/at all.gguf');
    expect(fault.details.exitCode).toBe(1);
    expect(engine.state).toBe('failed');
    expect(engine.failure).toBe(fault);
  });
});

describe('a child that dies', () => {
  test('at start: every waiter gets the reason, memory is named', async () => {
    const { engine, states } = watch({ argv: fake('dies-at-start') });
    const faults = await Promise.all([faultOf(engine.ensureReady()), faultOf(engine.ensureReady())]);
    expect(faults[0]).toBe(faults[1] as Fault);
    expect(faults[0].message).toContain('out of memory');
    expect(faults[0].details).toMatchObject({ exitCode: 1, isOutOfMemory: true });
    expect(states).toEqual(['starting', 'failed']);
    expect(engine.pid).toBeNull();
  });

  test('while ready: the lease signal aborts with a Fault', async () => {
    const { engine, reached } = watch({ argv: fake() });
    const ready = await engine.ensureReady();
    await fetch(`${ready.baseUrl}/crash`).catch(() => undefined);
    await reached('failed');
    expect(ready.signal.reason).toBeInstanceOf(Fault);
    expect(ready.signal.reason.kind).toBe('bad_gateway');
    expect(ready.signal.reason.message).toContain('GGML_ASSERT(n_tokens > 0) failed');
    expect(ready.signal.reason.details.exitCode).toBe(134);
    // Back to life when asked again.
    await engine.ensureReady();
    expect(engine.state).toBe('ready');
  });

  test('killed from outside: said to be for memory', async () => {
    const { engine, reached } = watch({ argv: fake() });
    const ready = await engine.ensureReady();
    process.kill(ready.pid, 'SIGKILL');
    await reached('failed');
    expect(engine.failure?.details).toMatchObject({ signal: 'SIGKILL', isOutOfMemory: true });
  });

  test('a program that is not there', async () => {
    const { engine, states } = watch({ argv: ['/nowhere/llama-server'] });
    const fault = await faultOf(engine.ensureReady());
    expect(fault.kind).toBe('bad_gateway');
    expect(fault.hint).toContain('/nowhere/llama-server');
    expect(states).toEqual(['starting', 'failed']);
  });
});

describe('waiting', () => {
  test('the abort of one caller, or of all, does not stop the load', async () => {
    const { engine } = watch({ argv: fake() });
    const leaving = new AbortController();
    const first = engine.ensureReady(leaving.signal);
    const second = engine.ensureReady();
    leaving.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect((await second).pid).toBeGreaterThan(0);
    expect(engine.state).toBe('ready');
  });

  test('never healthy: given up after the time allowed, the child is gone', async () => {
    const { engine, line } = watch({ argv: fake('never-healthy'), readyTimeoutMs: 300 });
    const waiting = faultOf(engine.ensureReady());
    await line(/listening/);
    const pid = engine.pid ?? 0;
    const fault = await waiting;
    expect(fault.details.isTimeout).toBe(true);
    await engine.exited;
    expect(engine.state).toBe('failed');
    expect(isRunning(pid)).toBe(false);
  });

  test('stopped while loading: waiters are refused; asked again while leaving: a new child', async () => {
    const { engine, line, states } = watch({ argv: fake('never-healthy', 'ignores-sigterm'), stopTimeoutMs: 100 });
    const waiting = faultOf(engine.ensureReady());
    await line(/listening/);
    const stopping = engine.stop();
    expect((await waiting).kind).toBe('unavailable');
    const again = faultOf(engine.ensureReady());
    await stopping;
    expect(states).toEqual(['starting', 'stopping', 'stopped', 'starting']);
    await engine.stop({ force: true });
    expect((await again).kind).toBe('unavailable');
    expect(engine.state).toBe('stopped');
  });
});

describe('stopping', () => {
  test('a child that ignores SIGTERM is forced, its forked helper too', async () => {
    const { engine, line } = watch({ argv: fake('ignores-sigterm', 'forks'), stopTimeoutMs: 100 });
    const ready = await engine.ensureReady();
    const helper = Number((await line(/grandchild (\d+)/))[1]);
    expect(isRunning(helper)).toBe(true);
    await engine.stop();
    expect(engine.state).toBe('stopped');
    expect(isRunning(ready.pid)).toBe(false);
    expect(await goneWithin(helper, 1000)).toBeLessThan(1000);
  });

  test('a child that lost the first SIGTERM is asked again', async () => {
    const { engine } = watch({ argv: fake('loses-first-sigterm'), stopTimeoutMs: 60_000 });
    await engine.ensureReady();
    await engine.stop();
    expect(engine.state).toBe('stopped');
  });

  test('by force cuts leases at once, even when a graceful stop is under way', async () => {
    const { engine } = watch({ argv: fake('ignores-sigterm'), stopTimeoutMs: 60_000 });
    const ready = await engine.ensureReady();
    const graceful = engine.stop();
    expect(ready.signal.aborted).toBe(false);
    await engine.stop({ force: true });
    await graceful;
    expect(ready.signal.reason).toBeInstanceOf(Fault);
    expect(engine.state).toBe('stopped');
  });

  test('through a command of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'drover-process-'));
    try {
      const mark = join(folder, 'stopped');
      const { engine } = watch({
        argv: fake('ignores-sigterm'),
        stopCommand: ['sh', '-c', `echo "$1" > "$0"; kill -9 "$1"`, mark, '${PID}'],
      });
      const ready = await engine.ensureReady();
      await engine.stop();
      expect(readFileSync(mark, 'utf8').trim()).toBe(String(ready.pid));
      expect(engine.state).toBe('stopped');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('twice, and of what never ran, is no error', async () => {
    const { engine } = watch({ argv: fake() });
    await engine.stop();
    await engine.ensureReady();
    await Promise.all([engine.stop(), engine.stop()]);
    await engine.stop();
    expect(engine.state).toBe('stopped');
  });
});

describe('output', () => {
  test('any bytes, colours, endless lines', async () => {
    const { engine } = watch({ argv: fake('binary-log') });
    await engine.ensureReady();
    const lines = engine.recentLines();
    expect(lines).toContain('grüße red');
    expect(lines).toContain('\ufffd\ufffd\ufffd');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(8193);
  });

  test('a flood neither blocks the child nor us', async () => {
    const { engine, line } = watch({ argv: fake('floods') });
    const ready = await engine.ensureReady();
    await line(/bytes of log skipped/);
    const response = await fetch(`${ready.baseUrl}/health`);
    expect(response.status).toBe(200);
    expect(engine.recentLines(1000).length).toBeLessThanOrEqual(500);
    await engine.stop();
    expect(engine.state).toBe('stopped');
  });
});

test.if(process.platform === 'linux')('kill -9 of us takes the child and what it forked within 2 s', async () => {
  const parent = Bun.spawn(
    [process.execPath, join(import.meta.dir, '../fixtures/doomed-parent.ts'), ...fake('ignores-sigterm', 'forks')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const pids: number[] = [];
  try {
    const reader = parent.stdout.getReader();
    let text = '';
    while (!text.includes('\n')) text += new TextDecoder().decode((await reader.read()).value);
    pids.push(...text.trim().split(' ').map(Number));
    expect(pids).toHaveLength(2);
    expect(pids.every((pid) => isRunning(pid) && existsSync(`/proc/${pid}`))).toBe(true);
    parent.kill('SIGKILL');
    await parent.exited;
    const took = await Promise.all(pids.map((pid) => goneWithin(pid, 2000)));
    expect(Math.max(...took)).toBeLessThan(2000);
  } finally {
    parent.kill('SIGKILL');
    for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  }
});
