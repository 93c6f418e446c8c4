import { afterEach, describe, expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import { Log } from '../../src/base/log.ts';
import type { ModelView, UsageTotals } from '../../src/core/drover.ts';
import type { DroverEvent, InstanceState } from '../../src/core/vocabulary.ts';
import { ClaraFeed } from '../../src/dialects/clara/feed.ts';
import { paperInstance } from '../fixtures/paper-instance.ts';

interface Envelope {
  readonly type: string;
  readonly data: unknown;
}

/** A core of which only the words matter. */
class Words {
  readonly bus = new Bus<DroverEvent>({ isDroppable: (event) => event.type === 'log' });
  readonly log = new Log();
  states: Record<string, InstanceState> = { a: 'stopped', b: 'stopped' };
  totals: UsageTotals[] = [];
  readonly leaving = new AbortController();
  readonly feed = new ClaraFeed({
    drover: {
      bus: this.bus,
      log: this.log,
      models: () => Object.entries(this.states).map(([id, state]) => viewOf(id, state)),
      usage: () => this.totals,
      instances: () => [],
    },
    downloads: () => [],
  });

  become(id: string, state: InstanceState): void {
    const previous = this.states[id] ?? 'stopped';
    this.states[id] = state;
    this.bus.emit({ type: 'instance.changed', instance: paperInstance(id, { state }), previous });
  }

  say(line: string): void {
    this.bus.emit({ type: 'engine.output', modelId: 'a', line });
  }

  open(hasLogs = true): Listener {
    return new Listener(this.feed.open(this.leaving.signal, hasLogs));
  }
}

const viewOf = (id: string, state: InstanceState): ModelView => ({
  id,
  aliases: [],
  title: id.toUpperCase(),
  description: null,
  isListed: true,
  kind: 'text',
  createdAt: 0,
  path: null,
  sizeBytes: null,
  quantization: null,
  parameterCount: null,
  contextTokens: null,
  hasVision: false,
  canUseTools: false,
  isCustom: false,
  failure: null,
  instance: paperInstance(id, { state }),
});

/** Reads as a client does, and remembers. */
class Listener {
  readonly events: Envelope[] = [];
  readonly #reader: {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
  #text = '';
  hasEnded = false;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** Reads until what came satisfies; resolves with it all. */
  async until(accepts: (events: readonly Envelope[]) => boolean): Promise<readonly Envelope[]> {
    while (!accepts(this.events) && !this.hasEnded) {
      const { done, value } = await this.#reader.read();
      if (done) this.hasEnded = true;
      else this.#take(new TextDecoder().decode(value));
    }
    return this.events;
  }

  #take(text: string): void {
    const frames = (this.#text + text).split('\n\n');
    this.#text = frames.pop() ?? '';
    for (const frame of frames) {
      if (frame.startsWith(':')) continue;
      const match = /^event: message\ndata: (.*)$/.exec(frame);
      if (match === null) throw new Error(`no event: ${frame}`);
      const { type, data } = JSON.parse(match[1] ?? '') as { type: string; data: string };
      this.events.push({ type, data: JSON.parse(data) });
    }
  }

  statesOf(id: string): (string | undefined)[] {
    const lists = this.events.filter(({ type }) => type === 'modelStatus');
    return lists.map(({ data }) => (data as { id: string; state: string }[]).find((model) => model.id === id)?.state);
  }

  get logText(): string {
    return this.events
      .filter(({ type }) => type === 'logData')
      .map(({ data }) => (data as { data: string }).data)
      .join('');
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

let words: Words;
const start = (): Words => (words = new Words());
afterEach(() => words.leaving.abort());

describe('a reader that keeps up', () => {
  test('first hears the recent log, the models and the figures', async () => {
    start();
    words.log.info('hello "ü"', { at: 1 });
    words.say('engine line');
    const listener = words.open();
    const events = await listener.until((all) => all.length === 4);
    expect(events.map(({ type }) => type)).toEqual(['logData', 'logData', 'modelStatus', 'metrics']);
    expect(events[0]?.data).toMatchObject({ source: 'proxy', data: expect.stringContaining('hello "ü"') });
    expect(events[1]?.data).toEqual({ source: 'upstream', data: 'engine line\n' });
    expect(events[2]?.data).toMatchObject([
      { id: 'a', name: 'A', state: 'stopped', unlisted: false, proxyUrl: 'http://127.0.0.1:4711' },
      { id: 'b' },
    ]);
    expect(events[3]?.data).toEqual([]);
  });

  test('hears every state, however short, in order among the log lines', async () => {
    start();
    const listener = words.open();
    await listener.until((all) => all.length === 4);
    words.become('a', 'starting');
    words.say('one');
    words.become('a', 'ready');
    words.become('a', 'stopping');
    words.say('two');
    words.become('a', 'stopped');
    await listener.until((all) => all.length === 10);
    expect(listener.statesOf('a')).toEqual(['stopped', 'starting', 'ready', 'stopping', 'stopped']);
    expect(listener.events.slice(4).map(({ type }) => type)).toEqual([
      'modelStatus',
      'logData',
      'modelStatus',
      'modelStatus',
      'logData',
      'modelStatus',
    ]);
  });

  test('hears of a set-up in percent, and the end of the server as the end', async () => {
    start();
    const listener = words.open();
    await listener.until((all) => all.length === 4);
    const setup = { stage: 'scanning', step: 'Reading /x', modelId: 'm', doneCount: 3, totalCount: 4 } as const;
    const rest = { ratio: 0.525, failure: null, startedAt: 1, updatedAt: 2 };
    words.bus.emit({ type: 'setup.progress', setup: { ...setup, ...rest } });
    await listener.until((all) => all.length === 5);
    expect(listener.events.at(-1)).toEqual({
      type: 'configProgress',
      data: { stage: 'Reading /x', currentModel: 'm', current: 3, total: 4, percentageComplete: 52.5 },
    });
    words.bus.emit({ type: 'server.stopping' });
    await listener.until(() => false);
    expect(listener.hasEnded).toBe(true);
    expect(words.feed.readerCount).toBe(0);
  });
});

describe('a reader that does not read', () => {
  test('loses its oldest log lines, never the state of a model; the others lose nothing', async () => {
    start();
    const quick = words.open();
    const slow = words.open();
    await Promise.all([quick.until((all) => all.length === 4), slow.until((all) => all.length === 4)]);
    const line = 'x'.repeat(1000);
    for (let round = 0; round < 100; round += 1) {
      words.become('b', round % 2 === 0 ? 'starting' : 'ready');
      for (let count = 0; count < 20; count += 1) words.say(`${round}.${count} ${line}`);
      await quick.until(() => quick.logText.includes(`${round}.19 `));
    }
    words.become('a', 'ready');
    await quick.until(() => quick.statesOf('a').at(-1) === 'ready');
    expect(quick.logText.match(/\d+\.\d+ x/g)).toHaveLength(2000);
    // What the slow one is given now: the last lines, the last states.
    await slow.until(() => slow.statesOf('a').at(-1) === 'ready');
    expect(slow.statesOf('b').at(-1)).toBe('ready');
    const kept = slow.logText.match(/\d+\.\d+ x/g) ?? [];
    expect(kept.at(-1)).toBe('99.19 x');
    expect(kept.length).toBeLessThan(400);
    expect(kept.length).toBeGreaterThan(50);
    // Then it keeps up again.
    words.say('again');
    await slow.until(() => slow.logText.endsWith('again\n'));
  });

  test('two hundred of them cost what one does: they share the very bytes', async () => {
    start();
    const readers = Array.from({ length: 200 }, () => words.open());
    await Promise.all(readers.map((reader) => reader.until((all) => all.length === 4)));
    const witness = words.open();
    await witness.until((all) => all.length === 4);
    const before = process.memoryUsage().rss;
    const line = 'y'.repeat(500);
    for (let round = 0; round < 60; round += 1) {
      for (let count = 0; count < 20; count += 1) words.say(`${round}.${count} ${line}`);
      await witness.until(() => witness.logText.includes(`${round}.19 `));
    }
    // 0.6 MB went out; kept by each alone they would be 130 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024);
    expect(words.feed.readerCount).toBe(201);
  });
});

test('who may not read logs hears everything else, quick or slow', async () => {
  start();
  words.log.info('secret');
  const listener = words.open(false);
  expect((await listener.until((all) => all.length === 2)).map(({ type }) => type)).toEqual(['modelStatus', 'metrics']);
  const witness = words.open();
  await witness.until((all) => all.length === 4);
  for (let round = 0; round < 3; round += 1) {
    words.say('secret');
    words.become('a', round % 2 === 0 ? 'ready' : 'stopped');
    await witness.until(() => witness.statesOf('a').length === round + 2);
  }
  words.say('secret');
  words.become('b', 'ready');
  await listener.until(() => listener.statesOf('b').at(-1) === 'ready');
  expect(listener.statesOf('a').at(-1)).toBe('ready');
  expect(listener.logText).toBe('');
});

test('nothing is rendered for nobody: the last reader that leaves stops the listening', async () => {
  start();
  expect(words.bus.listenerCount).toBe(0);
  const listener = words.open();
  const other = words.open();
  expect(words.bus.listenerCount).toBe(1);
  await listener.leave();
  expect(words.bus.listenerCount).toBe(1);
  await other.leave();
  expect([words.bus.listenerCount, words.feed.readerCount]).toEqual([0, 0]);
  const late = words.open();
  expect(await late.until((all) => all.length === 4)).toHaveLength(4);
});
