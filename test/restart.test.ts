// A hard restart of the compiled executable: nobody notices, nothing is left, and whatever breaks on the way, somebody
// serves or a fresh start can.
import { describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import { FileLock } from '../src/base/sync.ts';
import { readServerFile } from '../src/cli/server-file.ts';
import type { Instance } from '../src/core/vocabulary.ts';
import { listeningDescriptor } from '../src/server/listening-socket.ts';
import { readFromSuccessor } from '../src/service/handover-messages.ts';
import { cleanEnvironment, cli, processesWith, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import {
  endProcess,
  eventually,
  hammer,
  hammerChats,
  isGone,
  type Line,
  rests,
  startLine,
  untilGone,
} from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const LONG = 1_000_000;

interface Folder extends Disposable {
  readonly path: string;
  readonly file: (name: string) => string;
}

/** Two models, `one` and `two`. */
function modelsFolder(): Folder {
  const folder = temporaryFolder('restart-models');
  const file = (name: string): string => join(folder.path, `${name}.gguf`);
  writeFileSync(file('one'), tinyLlama({ name: 'One', contextTokens: 32768 }));
  writeFileSync(file('two'), tinyLlama({ name: 'Two', blockCount: 3, contextTokens: 32768 }));
  return { path: folder.path, file, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const post = (url: string, model: string, more: Record<string, unknown> = {}, signal?: AbortSignal) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    keepalive: false,
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: 'the water' }],
      max_tokens: 4,
      temperature: 0,
      seed: 1,
      ...more,
    }),
    ...(signal === undefined ? {} : { signal }),
  });

const instances = async (url: string): Promise<readonly Instance[]> => {
  const response = await fetch(`${url}/drover/instances`, { keepalive: false });
  return ((await response.json()) as { instances: Instance[] }).instances;
};

/** The id of a file's model has its quantization in it. */
const isModel = ({ modelId }: Instance, name: string): boolean => modelId === name || modelId.startsWith(`${name}-`);

const enginePid = async (url: string, model: string): Promise<number> => {
  const found = (await instances(url)).find((instance) => isModel(instance, model));
  if (found?.pid == null) throw new Error(`${model} has no process`);
  return found.pid;
};

/** What the frames of a stream say, without what differs each time. */
function shapeOf(text: string): string[] {
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      expect(frame).toStartWith('data: ');
      const data = frame.slice('data: '.length);
      if (data === '[DONE]') return data;
      const { choices, object } = JSON.parse(data) as { choices: unknown; object: string };
      return JSON.stringify([object, choices]);
    });
}

/** Sockets that listen at the port, and who holds them. */
function listeners(port: number): string[] {
  const { stdout } = Bun.spawnSync(['ss', '-ltnpH', `sport = :${port}`]);
  return stdout
    .toString()
    .trim()
    .split('\n')
    .filter((line) => line !== '');
}

/** An executable of its own, which may be replaced. */
function ownBinary(folder: string): string {
  const path = join(folder, 'drover');
  copyFileSync(hostBinary, path);
  return path;
}

/** Puts a script in the place of an executable, as a bad upgrade would. */
function replaceBy(path: string, script: string): void {
  writeFileSync(`${path}.new`, `#!/bin/sh\n${script}\n`);
  chmodSync(`${path}.new`, 0o755);
  renameSync(`${path}.new`, path);
}

const fakeSuccessor = (step: string): string =>
  `exec '${process.execPath}' '${join(import.meta.dir, 'fixtures/fake-successor.ts')}' ${step}`;

describe('several restarts in a row', () => {
  test('are noticed by nobody, and of the old ones nothing is left', async () => {
    using models = modelsFolder();
    using data = temporaryFolder('restart-row');
    // 120 frames in 2.4 s, so that a stream is surely under way when another process takes over.
    const paced = `'${process.execPath}' '${join(import.meta.dir, 'fixtures/paced-engine.ts')}' \${PORT} 120 20`;
    writeFileSync(
      join(data.path, 'config.yaml'),
      `drainTimeout: 100\nmodels:\n  paced:\n    cmd: ${JSON.stringify(paced)}\n`,
    );
    await using line = await startLine({ dataFolder: data.path, modelsFolders: [models.path] });
    const { url } = line.first;
    const stream = async (model: string): Promise<string> =>
      (await post(url, model, { stream: true, max_tokens: 500, ignore_eos: true })).text();
    await line.until(/engine ready/);
    const undisturbed = { paced: await stream('paced'), one: shapeOf(await stream('one')) };
    expect(undisturbed.paced).toEndWith('data: {"frame":120}\n\ndata: [DONE]\n\n');
    expect(undisturbed.one.length).toBeGreaterThan(100);
    await (await post(url, 'two')).text();
    const engines = [await enginePid(url, 'one'), await enginePid(url, 'two'), await enginePid(url, 'paced')];
    const tallies = [false, false, false, true, true, true].map((isKept) => hammer(line.port, isKept));
    // Not the model that streams: what is computed together changes the last digits, and so the words.
    const chatter = hammerChats(line.port, 'two');
    const takenMs: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      let isComplete = false;
      const response = await post(url, 'paced', { stream: true });
      const text = response.text().finally(() => {
        isComplete = true;
      });
      const other = stream('one');
      const restarted = await line.restart();
      expect(isComplete).toBe(false);
      takenMs.push(Math.round(restarted.takenMs));
      expect(await text).toBe(undisturbed.paced);
      expect(shapeOf(await other)).toEqual(undisturbed.one);
      await untilGone(restarted.from);
      await line.alone();
      expect(listeners(line.port)).toEqual([expect.stringContaining(`pid=${restarted.to},`)]);
    }
    await Promise.all([...tallies, chatter].map((tally) => tally.stop()));
    for (const tally of tallies) {
      expect(tally.failures).toEqual([]);
      expect(tally.startedAt.size).toBe(5);
    }
    expect(chatter.failures).toEqual([]);
    expect(chatter.count).toBeGreaterThan(10);
    expect(await line.first.exited).toBe(0);
    expect(engines.filter((pid) => !isGone(pid))).toEqual([]);
    // What runs now is the last one's alone.
    const alive = (await instances(url)).flatMap((instance) => instance.pid ?? []);
    expect(
      processesWith(models.path)
        .filter((pid) => pid !== line.pid())
        .sort(),
    ).toEqual([...alive].sort());
    const status = await line.first.cli('status');
    expect(status.exitCode).toBe(0);
    expect(status.stdout).toContain(url);
    expect((await line.first.cli('ps')).stdout).toContain('two');
    const longest = Math.max(...tallies.map((tally) => tally.longestMs));
    const count = tallies.reduce((sum, tally) => sum + tally.count, 0);
    console.log(`restarts took ${takenMs.join(', ')} ms; ${count} requests, the longest ${longest.toFixed(1)} ms`);
  }, 150_000);

  test('with a key: who has read the old one a moment ago is let in', async () => {
    await using line = await startLine({ environment: { DROVER_REQUIRE_API_KEY: 'true' } });
    const before = readServerFile(join(line.first.dataFolder, 'server.json'));
    const headers = { authorization: `Bearer ${before?.key}`, 'content-type': 'application/json' };
    const answer = await fetch(`${line.first.url}/drover/restart`, { method: 'POST', headers, body: '{"hard":true}' });
    expect(answer.status).toBe(200);
    await eventually(() => line.pid() !== before?.pid, line.first.log);
    expect((await fetch(`${line.first.url}/v1/models`, { headers })).status).toBe(200);
    expect((await line.first.cli('ps')).exitCode).toBe(0);
    expect(line.first.log().match(/dk-/g)?.length).toBe(1);
  });

  test('readers of the events come over without missing one', async () => {
    await using line = await startLine();
    const feed = await fetch(`${line.first.url}/drover/events`);
    const { from } = await line.restart();
    const told = await feed.text();
    expect(told).toContain('event: restart.started');
    expect(told).toContain('event: server.stopping');
    const last = [...told.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? '';
    await untilGone(from);
    const left = new AbortController();
    const next = await fetch(`${line.first.url}/drover/events`, {
      headers: { 'last-event-id': last },
      signal: left.signal,
    });
    const reader = next.body?.getReader();
    let text = '';
    while (!text.includes('event: engine.changed')) text += new TextDecoder().decode((await reader?.read())?.value);
    left.abort();
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
    expect(Math.min(...ids)).toBeGreaterThan(Number(last));
  });
});

describe('what was begun', () => {
  test('ends in the old process, which stays for it; its idle models leave at once', async () => {
    using models = modelsFolder();
    await using line = await startLine({ modelsFolders: [models.path] });
    const { url } = line.first;
    await (await post(url, 'two')).text();
    const left = new AbortController();
    const stream = await post(url, 'one', { stream: true, max_tokens: LONG, ignore_eos: true }, left.signal);
    const reader = stream.body?.getReader();
    await reader?.read();
    const [busy, idle] = [await enginePid(url, 'one'), await enginePid(url, 'two')];
    const { from, to } = await line.restart();
    await untilGone(idle);
    expect(isGone(busy)).toBe(false);
    expect(isGone(from)).toBe(false);
    // The new one serves the same models meanwhile, by processes of its own.
    expect((await post(url, 'one')).status).toBe(200);
    expect(await enginePid(url, 'one')).not.toBe(busy);
    // While the old one drains, another restart has to wait.
    expect(await line.ask()).toBe(409);
    for (let part = 0; part < 20; part += 1) expect((await reader?.read())?.value?.byteLength ?? 0).toBeGreaterThan(0);
    expect(isGone(busy)).toBe(false);
    left.abort();
    await reader?.cancel().catch(() => undefined);
    await untilGone(busy);
    expect(await line.first.exited).toBe(0);
    await line.alone();
    expect(line.pid()).toBe(to);
    await line.restart();
  });

  test('is cut when drainTimeout is over', async () => {
    using models = modelsFolder();
    await using line = await startLine({ modelsFolders: [models.path], environment: { DROVER_DRAIN_TIMEOUT: '1' } });
    const { url } = line.first;
    const stream = await post(url, 'one', { stream: true, max_tokens: LONG, ignore_eos: true });
    const busy = await enginePid(url, 'one');
    const reading = stream.text().catch((thrown: unknown) => String(thrown));
    const before = performance.now();
    const { from } = await line.restart();
    await untilGone(from);
    expect(performance.now() - before).toBeGreaterThan(900);
    expect(performance.now() - before).toBeLessThan(5000);
    expect(isGone(busy)).toBe(true);
    expect(await reading).not.toContain('[DONE]');
    expect(await line.first.exited).toBe(0);
  });

  test('a request that waits for a slot in the old process is still answered there', async () => {
    using models = modelsFolder();
    using data = temporaryFolder('restart-queue');
    const entry = `  one:\n    file: ${JSON.stringify(models.file('one'))}\n    concurrencyLimit: 1\n`;
    writeFileSync(join(data.path, 'config.yaml'), `models:\n${entry}`);
    await using line = await startLine({ dataFolder: data.path });
    const { url } = line.first;
    const left = new AbortController();
    const stream = await post(url, 'one', { stream: true, max_tokens: LONG, ignore_eos: true }, left.signal);
    await stream.body?.getReader().read();
    const engine = await enginePid(url, 'one');
    const waiting = post(url, 'one', { max_tokens: 5 });
    const isQueued = async (): Promise<boolean> => (await instances(url))[0]?.requestsQueued === 1;
    while (!(await isQueued())) await Bun.sleep(3);
    const { from } = await line.restart();
    await line.until(/what was begun here ends here/);
    expect(isGone(engine)).toBe(false);
    left.abort();
    expect((await waiting).status).toBe(200);
    await untilGone(from);
    // The one engine answered both.
    expect(line.first.log().match(/one is loaded as planned/g)?.length).toBe(1);
  });

  test('a model for which there is no room yet waits for the old process, and is answered', async () => {
    using models = modelsFolder();
    using data = temporaryFolder('restart-room');
    const entry = (name: string): string =>
      `  ${name}:\n    file: ${JSON.stringify(models.file(name))}\n    contextSize: 32768\n`;
    writeFileSync(join(data.path, 'config.yaml'), `models:\n${entry('one')}${entry('two')}`);
    const needed = async (model: string): Promise<number> => {
      const fit = await probe.json<{ takesBytes: { Host: number } }>(`/drover/fit?model=${model}`);
      return fit.takesBytes.Host;
    };
    const probe = await startDrover({ dataFolder: data.path });
    await probe.waitForLine(/engine ready/);
    const [one, two] = [await needed('one'), await needed('two')];
    await probe[Symbol.asyncDispose]();
    const cap = Math.max(one, two) * 1.2;
    expect(cap).toBeLessThan(one + two);
    await using line = await startLine({ dataFolder: data.path, args: ['--ram', (cap / 1e9).toFixed(6)] });
    const { url } = line.first;
    const left = new AbortController();
    const stream = await post(url, 'one', { stream: true, max_tokens: LONG, ignore_eos: true }, left.signal);
    const reader = stream.body?.getReader();
    await reader?.read();
    const busy = await enginePid(url, 'one');
    const { from } = await line.restart();
    let isAnswered = false;
    const answer = post(url, 'two').finally(() => {
      isAnswered = true;
    });
    const feed = await fetch(`${url}/drover/events?after=0`);
    const events = feed.body?.getReader();
    let told = '';
    while (!told.includes('"waitingFor":"one')) told += new TextDecoder().decode((await events?.read())?.value);
    expect(told).toContain('"modelId":"two","position":1,"waitingFor":"one (before the restart)"');
    await events?.cancel();
    for (let part = 0; part < 50; part += 1) await reader?.read();
    const waiting = (await instances(url)).find((instance) => isModel(instance, 'two'));
    expect(waiting).toMatchObject({ state: 'stopped', pid: null, requestsQueued: 1 });
    expect(isAnswered).toBe(false);
    expect(isGone(busy)).toBe(false);
    left.abort();
    await reader?.cancel().catch(() => undefined);
    expect((await answer).status).toBe(200);
    await untilGone(from);
    expect(line.first.log()).not.toContain('does not fit');
  });
});

describe('the address', () => {
  test.each(['127.0.0.1', '[::1]'])('at %s cannot be shared by anybody after a handover', async (host) => {
    await using line = await startLine({ listen: `${host}:0` });
    await line.restart();
    await line.alone();
    const share = (): unknown =>
      Bun.serve({
        hostname: host.replace(/[[\]]/g, ''),
        port: line.port,
        reusePort: true,
        fetch: () => new Response('a thief'),
      });
    expect(share).toThrow(/in use/);
    expect((await fetch(`http://${host}:${line.port}/health`)).status).toBe(200);
    const tally = hammer(line.port, false, host.replace(/[[\]]/g, ''));
    const again = await line.restart();
    await untilGone(again.from);
    await tally.stop();
    expect(tally.failures).toEqual([]);
    expect(share).toThrow(/in use/);
  });

  test('a connection that has not spoken yet is served by whoever takes it', async () => {
    await using line = await startLine();
    const { port } = line;
    const answer = Promise.withResolvers<string>();
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, bytes) => answer.resolve(bytes.toString()),
        error: (_, error) => answer.reject(error),
        close: () => answer.reject(new Error('closed without a word')),
      },
    });
    const { from } = await line.restart();
    await untilGone(from);
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await answer.promise).toStartWith('HTTP/1.1 200');
    socket.end();
  });

  test('another host at the same port is bound anew, with a short gap', async () => {
    using data = temporaryFolder('restart-host');
    const free = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    const { port } = free;
    free.stop(true);
    const configure = (host: string): void =>
      writeFileSync(join(data.path, 'config.yaml'), `listen: ${host}:${port}\ninsecure: true\n`);
    configure('127.0.0.1');
    await using line = await startLine({ dataFolder: data.path, listen: null });
    configure('0.0.0.0');
    const { from, to } = await line.restart();
    await untilGone(from);
    expect(listeners(port)).toEqual([expect.stringMatching(new RegExp(`0\\.0\\.0\\.0:${port}.*pid=${to},`))]);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    expect(await line.first.exited).toBe(0);
  });

  test('another port is simply another port', async () => {
    using data = temporaryFolder('restart-port');
    const frees = [1, 2].map(() => Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } }));
    const [before = 0, after = 0] = frees.map((free) => free.port);
    for (const free of frees) free.stop(true);
    const configure = (port: number): void =>
      writeFileSync(join(data.path, 'config.yaml'), `listen: 127.0.0.1:${port}\n`);
    configure(before);
    await using line = await startLine({ dataFolder: data.path, listen: null });
    configure(after);
    const { from } = await line.restart();
    await untilGone(from);
    expect((await fetch(`http://127.0.0.1:${after}/health`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${before}/health`)).rejects.toThrow();
    expect((await line.first.cli('status')).stdout).toContain(`:${after}`);
  });
});

describe('a successor that does not come up', () => {
  /** The old one serves on: the same engine, the lock, the listener. */
  async function expectUnharmed(line: Line, engine: number | null): Promise<void> {
    const { url, dataFolder, pid } = line.first;
    expect(line.pid()).toBe(pid);
    expect((await post(url, 'one')).status).toBe(200);
    if (engine !== null) expect(await enginePid(url, 'one')).toBe(engine);
    const second = await cli(['serve', '--listen', '127.0.0.1:0'], cleanEnvironment(dataFolder));
    expect(second.exitCode).toBe(9);
    expect(second.stderr).toContain(`Another Drover (process ${pid}`);
    expect(listeners(line.port)).toEqual([expect.stringContaining(`pid=${pid},`)]);
  }

  test('at whatever step it dies, the old one serves on as before; then a good one takes over', async () => {
    using models = modelsFolder();
    using program = temporaryFolder('restart-binary');
    const binary = ownBinary(program.path);
    await using line = await startLine({ binary, modelsFolders: [models.path] });
    const { url } = line.first;
    await (await post(url, 'one')).text();
    const engine = await enginePid(url, 'one');
    const steps = [
      'ends-at-once',
      'dies-prepared',
      'dies-going',
      'dies-with-the-lock',
      'says-why',
      'dies-with-the-port',
    ];
    for (const [index, step] of steps.entries()) {
      replaceBy(binary, fakeSuccessor(step));
      const tally = hammer(line.port, index % 2 === 0);
      expect(await line.ask()).toBe(200);
      await line.until(/the restart failed/, index + 1);
      await tally.stop();
      // Without the port nobody can answer; that step is for where there is no other way.
      if (step !== 'dies-with-the-port') expect([step, tally.failures]).toEqual([step, []]);
      await expectUnharmed(line, engine);
    }
    expect(line.first.log()).toContain('The successor ended with code 3');
    expect(line.first.log()).toContain('The successor ended by SIGKILL');
    expect(line.first.log()).toContain('the moon is not full');
    // This one had taken over already: the old one comes back, and its idle models with the next request.
    replaceBy(binary, fakeSuccessor('dies-listening'));
    const tally = hammer(line.port, true);
    expect(await line.ask()).toBe(200);
    await line.until(/the restart failed/, steps.length + 1);
    await tally.stop();
    await expectUnharmed(line, null);
    copyFileSync(hostBinary, `${binary}.good`);
    renameSync(`${binary}.good`, binary);
    const { from } = await line.restart();
    await untilGone(from);
    expect((await post(url, 'one')).status).toBe(200);
  });

  test('a broken configuration is refused before anything happens, and told when it breaks later', async () => {
    using models = modelsFolder();
    using program = temporaryFolder('restart-config');
    const binary = ownBinary(program.path);
    await using line = await startLine({ binary, modelsFolders: [models.path] });
    const { url, dataFolder } = line.first;
    await (await post(url, 'one')).text();
    const engine = await enginePid(url, 'one');
    const file = join(dataFolder, 'config.yaml');
    const restart = (hard: boolean) =>
      fetch(`${url}/drover/restart`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ hard }),
      });
    writeFileSync(file, 'models: 5\n');
    for (const hard of [true, false]) {
      const refused = await restart(hard);
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain('config.yaml:1');
    }
    expect(line.first.log()).not.toContain('a successor is started');
    writeFileSync(file, '');
    replaceBy(binary, `echo 'models: 5' > '${file}'\nexec '${hostBinary}' "$@"`);
    const feed = await fetch(`${url}/drover/events`);
    expect((await restart(true)).status).toBe(200);
    await line.until(/the restart failed.*The successor ended with code 10/);
    writeFileSync(file, '');
    await expectUnharmed(line, engine);
    const reader = feed.body?.getReader();
    let told = '';
    while (!told.includes('restart.failed')) told += new TextDecoder().decode((await reader?.read())?.value);
    expect(told).toContain('code 10');
    await reader?.cancel();
  });

  test('one that cannot listen says so, and its word is in the log', async () => {
    using program = temporaryFolder('restart-says');
    const binary = ownBinary(program.path);
    await using line = await startLine({ binary });
    replaceBy(binary, `exec '${hostBinary}' "$@" --listen 203.0.113.7:1`);
    expect(await line.ask()).toBe(200);
    await line.until(/the restart failed.*The successor gave up: Cannot listen on 203\.0\.113\.7:1/);
    expect((await fetch(`${line.first.url}/health`)).status).toBe(200);
    expect(line.pid()).toBe(line.first.pid);
  });

  test('two restarts at once: the second is a conflict', async () => {
    using program = temporaryFolder('restart-twice');
    const binary = ownBinary(program.path);
    await using line = await startLine({ binary });
    replaceBy(binary, fakeSuccessor('hangs'));
    const statuses = await Promise.all([line.ask(), line.ask(), line.ask()]);
    expect([...statuses].sort()).toEqual([200, 409, 409]);
    expect(line.first.log().match(/a successor is started/g)?.length).toBe(1);
    const hanging = Number(/a successor is started\s+pid=(\d+)/.exec(line.first.log())?.[1]);
    endProcess(hanging, 'SIGKILL');
    await line.until(/the restart failed/);
  });

  test('a soft restart reads the configuration, and what is configured as before keeps running', async () => {
    using models = modelsFolder();
    await using line = await startLine({ modelsFolders: [models.path] });
    const { url, pid, dataFolder } = line.first;
    await (await post(url, 'one')).text();
    const engine = await enginePid(url, 'one');
    writeFileSync(join(dataFolder, 'config.yaml'), 'ttl: 77\n');
    const answer = await line.first.json('/drover/restart', {});
    expect(answer).toEqual({ status: 'restarting', hard: false });
    const late = AbortSignal.timeout(10_000);
    while ((await instances(url))[0]?.ttlMs !== 77_000) late.throwIfAborted();
    expect(await enginePid(url, 'one')).toBe(engine);
    expect(line.pid()).toBe(pid);
  });
});

describe('SIGTERM during a handover', () => {
  test.each(['', 'f00d'])('before the successor serves ends both (INVOCATION_ID=%p)', async (id) => {
    using program = temporaryFolder('restart-term');
    const binary = ownBinary(program.path);
    await using line = await startLine({ binary, environment: { INVOCATION_ID: id } });
    replaceBy(binary, fakeSuccessor('hangs'));
    expect(await line.ask()).toBe(200);
    const hanging = Number(/a successor is started\s+pid=(\d+)/.exec(line.first.log())?.[1]);
    await line.until(/^hanging$/m);
    line.first.kill('SIGTERM');
    expect(await line.first.exited).toBe(0);
    expect(isGone(hanging)).toBe(true);
    expect(listeners(line.port)).toEqual([]);
    await using fresh = await startDrover({ dataFolder: line.first.dataFolder });
    expect((await fresh.request('/health')).status).toBe(200);
  });

  test('twice ends both at once, and the successor does not take it for a death', async () => {
    using program = temporaryFolder('restart-force');
    const binary = ownBinary(program.path);
    await using line = await startLine({ binary });
    replaceBy(binary, fakeSuccessor('hangs'));
    expect(await line.ask()).toBe(200);
    const hanging = Number(/a successor is started\s+pid=(\d+)/.exec(line.first.log())?.[1]);
    await line.until(/^hanging$/m);
    line.first.kill('SIGTERM');
    await line.until(/stopping.*SIGTERM/);
    line.first.kill('SIGTERM');
    expect(await line.first.exited).toBe(130);
    await untilGone(hanging, 1000);
    expect(listeners(line.port)).toEqual([]);
  });

  test('while the old one drains ends both, and lets what runs finish', async () => {
    using models = modelsFolder();
    await using line = await startLine({ modelsFolders: [models.path], oneThread: ['one-f32'] });
    const { url } = line.first;
    const stream = await post(url, 'one', { stream: true, max_tokens: 1500, ignore_eos: true });
    const { to } = await line.restart();
    await line.until(/what was begun here ends here/);
    line.first.kill('SIGTERM');
    await untilGone(to);
    expect(await stream.text()).toEndWith('data: [DONE]\n\n');
    expect(await line.first.exited).toBe(0);
    expect(listeners(line.port)).toEqual([]);
    expect(processesWith(models.path)).toEqual([]);
  });
});

describe('a death', () => {
  test('of either by SIGKILL, at whatever moment: somebody serves or the folder is free, and no engine is left', async () => {
    using models = modelsFolder();
    const outcomes: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      using data = temporaryFolder('restart-kill');
      const line = await startLine({ dataFolder: data.path, modelsFolders: [models.path] });
      try {
        const { url, pid } = line.first;
        const left = new AbortController();
        const stream = await post(url, 'one', { stream: true, max_tokens: LONG, ignore_eos: true }, left.signal);
        await stream.body?.getReader().read();
        await line.ask();
        const successor = Number(/a successor is started\s+pid=(\d+)/.exec(line.first.log())?.[1]);
        const [victim, other] = round % 2 === 0 ? [pid, successor] : [successor, pid];
        await Bun.sleep(Math.floor(round / 2) * 40);
        endProcess(victim, 'SIGKILL');
        await untilGone(victim);
        left.abort();
        // The other one serves, or has ended too.
        const serves = async (): Promise<boolean> =>
          fetch(`${url}/health`, { keepalive: false }).then(
            (response) => response.ok,
            () => false,
          );
        const late = AbortSignal.timeout(15_000);
        while (!(await serves()) && !isGone(other)) late.throwIfAborted();
        if (!isGone(other)) {
          expect((await post(url, 'one')).status).toBe(200);
          const second = await cli(['serve', '--listen', '127.0.0.1:0'], cleanEnvironment(data.path));
          expect(second.exitCode).toBe(9);
        }
        outcomes.push(
          `${round % 2 === 0 ? 'old' : 'new'} after ${Math.floor(round / 2) * 40}: ${isGone(other) ? 'free' : 'served'}`,
        );
        endProcess(other, 'SIGTERM');
        await untilGone(other);
        await eventually(
          () => processesWith(models.path).length === 0,
          () => `${processesWith(models.path)}`,
        );
      } finally {
        await line[Symbol.asyncDispose]();
      }
      await using fresh = await startDrover({ dataFolder: data.path, modelsFolders: [models.path] });
      expect((await post(fresh.url, 'one')).status).toBe(200);
    }
    console.log(outcomes.join('; '));
  }, 180_000);

  /** This process as the server before: it holds the address and the lock, and hangs up at a step. */
  async function standIn(dataFolder: string, how: { readonly passesSocket: boolean }) {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: false, fetch: () => new Response('old') });
    const port = server.port ?? 0;
    const lock = FileLock.tryTake(join(dataFolder, 'drover.lock'));
    const { folder } = await testEngine();
    const messages: string[] = [];
    const descriptor = how.passesSocket ? listeningDescriptor(port) : null;
    const child = Bun.spawn(
      [hostBinary, 'serve', '--listen', `127.0.0.1:${port}`, '--no-scan-known-folders', '--engine', folder],
      {
        env: { ...cleanEnvironment(dataFolder), DROVER_SUCCESSOR: '0' },
        stdio: ['ignore', 'ignore', 'pipe', ...(descriptor === null ? [] : [descriptor])],
        serialization: 'json',
        ipc: (value) => messages.push(readFromSuccessor(value)?.type ?? 'nonsense'),
      },
    );
    const log = new Response(child.stderr as ReadableStream<Uint8Array>).text();
    return {
      port,
      child,
      log,
      heard: (type: string) =>
        eventually(
          () => messages.includes(type),
          () => `${type}: heard ${messages.join(', ')}`,
        ),
      go: () => {
        lock?.[Symbol.dispose]();
        child.send({
          type: 'go',
          listen: `127.0.0.1:${port}`,
          port,
          key: 'dl-0123456789abcdef',
          sequence: 7,
          holdings: [],
        });
      },
      closeListener: () => server.stop(true),
      /** All that a death does. */
      die: async () => {
        await server.stop(true);
        lock?.[Symbol.dispose]();
        child.disconnect();
      },
    };
  }

  test.each([
    ['before a word', true, async () => undefined],
    ['before the word to go', true, async (old: StandIn) => old.heard('prepared')],
    [
      'right after the word to go',
      true,
      async (old: StandIn) => {
        await old.heard('prepared');
        old.go();
      },
    ],
    [
      'while the port is wanted',
      false,
      async (old: StandIn) => {
        await old.heard('prepared');
        old.go();
        await old.heard('wants-port');
      },
    ],
    [
      'when the port is free',
      false,
      async (old: StandIn) => {
        await old.heard('prepared');
        old.go();
        await old.heard('wants-port');
        await old.closeListener();
        old.child.send({ type: 'port-free' });
      },
    ],
    [
      'once it serves',
      true,
      async (old: StandIn) => {
        await old.heard('prepared');
        old.go();
        await old.heard('listening');
      },
    ],
  ] as const)('of the old one %s: the new one serves at its address', async (_, passesSocket, steps) => {
    using data = temporaryFolder('restart-orphan');
    const old = await standIn(data.path, { passesSocket });
    try {
      await steps(old);
      await old.die();
      const late = AbortSignal.timeout(15_000);
      const serves = (): Promise<boolean> =>
        fetch(`http://127.0.0.1:${old.port}/health`, { keepalive: false }).then(
          (response) => response.ok,
          () => false,
        );
      while (!(await serves())) late.throwIfAborted();
      expect(readServerFile(join(data.path, 'server.json'))?.pid).toBe(old.child.pid);
      const second = await cli(['serve', '--listen', '127.0.0.1:0'], cleanEnvironment(data.path));
      expect(second.exitCode).toBe(9);
      old.child.kill('SIGTERM');
      expect(await old.child.exited).toBe(0);
      expect(await old.log).toContain('the server before this one has ended');
    } finally {
      old.child.kill('SIGKILL');
    }
  });
  type StandIn = Awaited<ReturnType<typeof standIn>>;
});

describe('who waits for the first process', () => {
  test('a service manager: it stays for the whole line, hands SIGTERM on and leaves last', async () => {
    await using line = await startLine({ environment: { INVOCATION_ID: 'f00d' } });
    const { first } = line;
    const second = await line.restart();
    await line.alone();
    const third = await line.restart();
    await untilGone(second.to);
    expect(isGone(first.pid)).toBe(false);
    await rests(first.pid);
    expect(listeners(line.port)).toEqual([expect.stringContaining(`pid=${third.to},`)]);
    first.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(isGone(third.to)).toBe(true);
    expect(line.first.log()).not.toContain('stopping at once');
  });

  test('it tells by its exit code when the line has ended badly', async () => {
    await using line = await startLine({ environment: { INVOCATION_ID: 'f00d' } });
    const { to } = await line.restart();
    await line.alone();
    endProcess(to, 'SIGKILL');
    expect(await line.first.exited).toBe(128 + 9);
  });

  test('a shell: Ctrl-C still ends the server, and only then the prompt comes back', async () => {
    using data = temporaryFolder('restart-shell');
    const { folder } = await testEngine();
    let screen = '';
    const shell = Bun.spawn(['bash', '--norc', '-i'], {
      env: { ...cleanEnvironment(data.path), PS1: 'PROMPT> ', TERM: 'dumb' },
      cwd: data.path,
      terminal: {
        cols: 200,
        rows: 50,
        data: (_, bytes) => {
          screen += new TextDecoder().decode(bytes);
        },
      },
    });
    const { terminal } = shell;
    const pid = (): number => readServerFile(join(data.path, 'server.json'))?.pid ?? 0;
    try {
      await eventually(
        () => screen.includes('PROMPT> '),
        () => screen,
      );
      terminal?.write(
        `'${hostBinary}' serve --listen 127.0.0.1:0 --no-scan-known-folders --engine '${folder}'; echo left $?\n`,
      );
      await eventually(
        () => pid() !== 0,
        () => screen,
      );
      const [before, url] = [pid(), readServerFile(join(data.path, 'server.json'))?.url];
      await fetch(`${url}/drover/restart`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"hard":true}',
      });
      await eventually(
        () => screen.includes('the server before this one has ended'),
        () => screen,
      );
      const after = pid();
      expect(after).not.toBe(before);
      expect(isGone(before)).toBe(false);
      terminal?.write('\x03');
      await eventually(
        () => /left 0/.test(screen),
        () => screen,
      );
      expect([before, after].map(isGone)).toEqual([true, true]);
      expect(screen).not.toContain('stopping at once');
    } finally {
      endProcess(pid(), 'SIGKILL');
      terminal?.write('exit\n');
      shell.kill('SIGKILL');
      await shell.exited;
    }
  });
});

test('the mark and the channel of a successor reach no engine', async () => {
  using models = modelsFolder();
  await using line = await startLine({ modelsFolders: [models.path] });
  const { from } = await line.restart();
  await untilGone(from);
  expect((await post(line.first.url, 'one')).status).toBe(200);
  const environment = readFileSync(`/proc/${await enginePid(line.first.url, 'one')}/environ`, 'utf8');
  expect(environment).not.toMatch(/DROVER_SUCCESSOR|NODE_CHANNEL/);
  const descriptors = await Array.fromAsync(
    new Bun.Glob('*').scan({ cwd: `/proc/${await enginePid(line.first.url, 'one')}/fd`, onlyFiles: false }),
  );
  const sockets = Bun.spawnSync(['ss', '-ltnpH', `sport = :${line.port}`]).stdout.toString();
  expect(descriptors.length).toBeGreaterThan(2);
  expect(sockets.match(/pid=/g)?.length).toBe(1);
});
