// ClaraCore's event feed on the compiled executable: each type as documented, 200 readers, and some that stop reading.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { processFigures } from '../bench/measure.ts';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { eventually } from '../fixtures/restarts.ts';
import { differences } from '../fixtures/shape.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const DOCUMENTED = JSON.parse(readFileSync(join(import.meta.dir, 'documented-events.json'), 'utf8')) as Record<
  string,
  unknown
>;
const PER_SECOND = 1000;
const STATES = ['ready', 'starting', 'stopping', 'shutdown', 'stopped', 'unknown'];

interface Envelope {
  readonly type: string;
  readonly data: unknown;
}
interface ModelStatus {
  readonly id: string;
  readonly state: string;
}

const models = temporaryFolder('claracore-events');
const data = temporaryFolder('claracore-events-data');
let hub: FakeHub;
let drover: RunningDrover;

beforeAll(async () => {
  writeFileSync(join(models.path, 'quiet.gguf'), tinyLlama({ name: 'Quiet', contextTokens: 256 }));
  const program = join(import.meta.dir, '..', 'fixtures', 'talkative-server.ts');
  const cmd = `${JSON.stringify(process.execPath)} ${JSON.stringify(program)} \${PORT} ${PER_SECOND}`;
  writeFileSync(join(data.path, 'config.yaml'), `models:\n  talker: { cmd: ${JSON.stringify(cmd)} }\n`);
  hub = await startHub({ repositories: [{ id: 'owner/name', files: [{ path: 'new.gguf', content: tinyLlama() }] }] });
  drover = await startDrover({
    modelsFolders: [models.path],
    dataFolder: data.path,
    environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
  });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  for (const folder of [models, data]) folder[Symbol.dispose]();
});

/** Reads the feed as a browser does until something has been seen. */
async function* feed(signal: AbortSignal): AsyncGenerator<Envelope> {
  const answer = await drover.request('/api/events', { signal });
  expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of answer.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const lines = frame.split('\n').filter((line) => !line.startsWith(':'));
      if (lines.length === 0 || lines.join('') === '') continue;
      // `event: message`, so that EventSource calls `onmessage`.
      expect(lines[0]).toBe('event: message');
      expect(lines[1]).toStartWith('data: ');
      const { type, data: text } = JSON.parse(lines[1]?.slice(6) ?? '') as { type: string; data: string };
      yield { type, data: JSON.parse(text) };
    }
  }
}

test('every type is told, in its documented shape, and a model’s states in their order', async () => {
  const abort = new AbortController();
  const seen: Envelope[] = [];
  const states: string[] = [];
  const first = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const envelope of feed(abort.signal)) {
      seen.push(envelope);
      if (envelope.type === 'metrics') first.resolve();
      if (envelope.type === 'modelStatus') {
        const state = (envelope.data as ModelStatus[]).find(({ id }) => id === 'quiet-f32')?.state ?? '';
        if (states.at(-1) !== state) states.push(state);
      }
      const isOver = (envelope.data as { percentageComplete?: number }).percentageComplete === 100;
      if (envelope.type === 'configProgress' && isOver) all.resolve();
    }
  })().catch((thrown: unknown) => {
    if (!abort.signal.aborted) first.reject(thrown);
  });
  await first.promise;
  // On connecting: the recent log, the models, the figures.
  expect([...new Set(seen.map(({ type }) => type))]).toEqual(['logData', 'modelStatus', 'metrics']);
  const messages = [{ role: 'user', content: 'the water' }];
  await drover.json('/v1/chat/completions', { model: 'quiet-f32', messages, max_tokens: 4 });
  await drover.json('/api/models/unload', {});
  await drover.json('/api/models/download', { url: hub.resolve('owner/name', 'new.gguf'), modelId: 'new' });
  await drover.json('/api/config/generate-all', { folderPath: models.path });
  await all.promise;
  abort.abort();
  await reading;
  for (const [type, example] of Object.entries(DOCUMENTED)) {
    const given = seen.filter((envelope) => envelope.type === type);
    expect({ type, isTold: given.length > 0 }).toEqual({ type, isTold: true });
    const unknown = ['[].tokensPerSecond', '[].avgResponseTime', '[].lastActivity', 'info.progress', 'info.totalBytes'];
    expect(given.flatMap((envelope) => differences(envelope.data, example, unknown))).toEqual([]);
  }
  expect(states).toEqual(['stopped', 'starting', 'ready', 'stopping', 'stopped']);
  for (const { data: list } of seen.filter(({ type }) => type === 'modelStatus')) {
    for (const { state } of list as ModelStatus[]) expect(STATES).toContain(state);
  }
});

interface Plain {
  readonly text: () => string;
  readonly count: () => number;
  readonly pause: () => void;
  readonly close: () => void;
}

function connectReader(keepsText: boolean): Promise<Plain> {
  const { hostname, port, host } = new URL(drover.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    let count = 0;
    const reader: Plain = {
      text: () => text,
      count: () => count,
      pause: () => socket.pause(),
      close: () => socket.destroy(),
    };
    socket.once('data', () => resolve(reader));
    socket.on('data', (chunk) => {
      count += chunk.length;
      if (keepsText) text = (text + chunk.toString('latin1')).slice(-2_000_000);
    });
    socket.once('error', reject);
    socket.write(`GET /api/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
}

test('200 readers and 50 that stop reading: nobody waits, the memory does not grow, and no state is lost', async () => {
  await drover.json('/drover/models/load', { model: 'talker' });
  const lively = await connectReader(true);
  const readers = await Promise.all(Array.from({ length: 199 }, () => connectReader(false)));
  const stalled = await Promise.all(Array.from({ length: 50 }, () => connectReader(false)));
  for (const reader of stalled) reader.pause();
  const lines = (): number => Number(/.*line (\d+):/s.exec(lively.text())?.[1] ?? 0);
  const heard = async (more: number): Promise<void> => {
    const from = lines();
    await eventually(
      () => lines() > from + more,
      () => `heard ${lines() - from} lines of ${more}`,
      30_000,
    );
  };
  // What it takes to get going, buffers of the system among it, is not what grows.
  await heard(3 * PER_SECOND);
  const before = await processFigures(drover.pid);
  const counts = readers.map((reader) => reader.count());
  await heard(6 * PER_SECOND);
  const after = await processFigures(drover.pid);
  // About 150 bytes a line: 45 MB were not read by those that stopped.
  expect((after.rssBytes - before.rssBytes) / 1e6).toBeLessThan(32);
  const got = readers.map((reader, index) => reader.count() - (counts[index] ?? 0));
  expect(Math.min(...got)).toBeGreaterThan(6 * PER_SECOND * 80);
  // Others are served meanwhile.
  expect((await drover.request('/health')).status).toBe(200);
  await drover.json('/drover/models/stop', { model: 'talker' });
  await eventually(
    () => /talker[^}]*\\"state\\":\\"stopped\\"/.test(lively.text().slice(-200_000)),
    () => lively.text().slice(-2000),
  );
  for (const reader of [lively, ...readers, ...stalled]) reader.close();
});
