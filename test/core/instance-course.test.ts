// What is meant with a model, driven without any: requests in every order end in what was asked last.
import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { Latch } from '../../src/base/sync.ts';
import { Course, type Goal } from '../../src/core/instance-course.ts';
import type { InstanceState } from '../../src/core/vocabulary.ts';
import { Random } from '../fixtures/random.ts';

/** A model whose loads and stops end when they are told to. */
class Paper {
  state: InstanceState = 'stopped';
  readonly told: string[] = [];
  readonly failures: string[] = [];
  #load: Latch | null = null;
  #stop: Latch | null = null;
  starts = 0;
  stops = 0;
  /** A start looks at something that cannot be given up, and hears of an abort only after it. */
  isDeaf = false;
  readonly course: Course = new Course({
    state: () => this.state,
    start: (signal) => this.#start(signal),
    stop: () => this.#end(),
    onStatus: (status, previous) => void this.told.push(`${previous} ${status}`),
    onFailure: (fault) => void this.failures.push(fault.message),
  });

  become(state: InstanceState): void {
    this.state = state;
    this.course.look();
  }

  loaded(): void {
    this.become('ready');
    this.#load?.open();
    this.#load = null;
  }

  failed(): void {
    this.become('stopped');
    this.#load?.fail(new Fault('bad_gateway', 'it broke'));
    this.#load = null;
  }

  gone(): void {
    this.become('stopped');
    this.#load?.fail(new Fault('unavailable', 'it was unloaded'));
    this.#load = null;
    this.#stop?.open();
    this.#stop = null;
  }

  get isLoading(): boolean {
    return this.#load !== null;
  }
  get isEnding(): boolean {
    return this.#stop !== null;
  }

  #start(signal: AbortSignal): Promise<void> {
    this.starts += 1;
    if (this.state === 'ready') return Promise.resolve();
    const load = this.#load ?? new Latch();
    this.#load = load;
    if (this.state !== 'stopping') this.become('starting');
    if (this.isDeaf) return load.promise;
    const left = new Latch();
    signal.addEventListener('abort', () => left.fail(signal.reason), { once: true });
    return Promise.race([load.promise, left.promise]);
  }

  #end(): Promise<void> {
    this.stops += 1;
    if (this.state === 'stopped' || this.state === 'failed') return Promise.resolve();
    this.become('stopping');
    this.#stop ??= new Latch();
    return this.#stop.promise;
  }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

test('up, down: each status once, in order', async () => {
  const paper = new Paper();
  paper.course.want('up');
  expect(paper.course.status).toBe('starting');
  await turns();
  paper.loaded();
  await paper.course.settled();
  expect(paper.course.status).toBe('running');
  paper.course.want('down');
  expect(paper.course.status).toBe('stopping');
  await turns();
  paper.gone();
  await paper.course.settled();
  expect(paper.told).toEqual(['stopped starting', 'starting running', 'running stopping', 'stopping stopped']);
});

test('a failure is told once, with its reason, until something else is asked', async () => {
  const paper = new Paper();
  paper.course.want('up');
  await turns();
  paper.failed();
  await paper.course.settled();
  expect([paper.course.status, paper.course.failure?.message]).toEqual(['error', 'it broke']);
  expect(paper.failures).toEqual(['it broke']);
  paper.course.letBe();
  expect(paper.course.status).toBe('stopped');
});

test('a stop while it loads ends the load, and is no failure', async () => {
  const paper = new Paper();
  paper.course.want('up');
  await turns();
  paper.course.want('down');
  await turns();
  expect(paper.isEnding).toBe(true);
  paper.gone();
  await paper.course.settled();
  expect([paper.course.status, paper.failures]).toEqual(['stopped', []]);
});

test('a stop does not wait for a start that is given up and still busy', async () => {
  const paper = new Paper();
  paper.isDeaf = true;
  paper.course.want('up');
  await turns();
  paper.course.want('down');
  await turns();
  expect(paper.isEnding).toBe(true);
  paper.gone();
  await paper.course.settled();
  expect([paper.course.status, paper.failures]).toEqual(['stopped', []]);
});

test('a stop that is asked for while one is under way counts from then on, not from the end of that one', async () => {
  const paper = new Paper();
  paper.become('ready');
  paper.course.want('down');
  paper.course.want('up');
  paper.course.want('down');
  expect(paper.stops).toBe(2);
  paper.gone();
  // Somebody else has it start anew, who asked later.
  paper.become('starting');
  await paper.course.settled();
  expect([paper.stops, paper.course.goal, paper.course.status]).toEqual([2, null, 'starting']);
});

test('a restart that is asked for while it ends is up again after that one end', async () => {
  const paper = new Paper();
  paper.become('ready');
  paper.course.want('down');
  paper.course.want('again');
  expect(paper.stops).toBe(2);
  paper.gone();
  await turns();
  expect([paper.isLoading, paper.starts, paper.stops]).toEqual([true, 1, 2]);
  paper.loaded();
  await paper.course.settled();
  expect(paper.course.status).toBe('running');
});

test('a start while it ends waits for the end, and tells that it was stopped between', async () => {
  const paper = new Paper();
  paper.become('ready');
  paper.course.want('down');
  await turns();
  paper.course.want('up');
  await turns();
  expect(paper.course.status).toBe('stopping');
  paper.gone();
  await turns();
  expect(paper.isLoading).toBe(true);
  paper.loaded();
  await paper.course.settled();
  expect(paper.told).toEqual([
    'stopped running',
    'running stopping',
    'stopping stopped',
    'stopped starting',
    'starting running',
  ]);
});

test('again: down, then up', async () => {
  const paper = new Paper();
  paper.become('ready');
  paper.course.want('again');
  await turns();
  expect([paper.course.status, paper.starts]).toEqual(['stopping', 0]);
  paper.gone();
  await turns();
  paper.loaded();
  await paper.course.settled();
  expect([paper.course.status, paper.starts]).toEqual(['running', 1]);
});

test('what is stopped by others while it loads is not tried again', async () => {
  const paper = new Paper();
  paper.course.want('up');
  await turns();
  paper.course.letBe();
  paper.gone();
  await paper.course.settled();
  expect([paper.course.status, paper.failures, paper.starts]).toEqual(['stopped', [], 1]);
});

test('a thousand requests in any order: one child, and the end is what was asked last', async () => {
  const random = new Random(7);
  for (let round = 0; round < 500; round += 1) {
    const paper = new Paper();
    let last: Goal = 'down';
    for (let step = 0; step < 10; step += 1) {
      last = random.pick(['up', 'down', 'again'] as const);
      paper.course.want(last);
      // Any moment is one at which somebody may ask.
      for (let turn = random.below(12); turn > 0; turn -= 1) await Promise.resolve();
      if (random.chance(0.3) && paper.isEnding) paper.gone();
      else if (random.chance(0.3) && paper.isLoading && paper.state === 'starting') paper.loaded();
    }
    for (let step = 0; step < 50 && paper.course.goal !== null; step += 1) {
      await turns();
      if (paper.isEnding) paper.gone();
      else if (paper.isLoading) paper.loaded();
    }
    await paper.course.settled();
    expect(paper.course.status).toBe(last === 'down' ? 'stopped' : 'running');
    expect(paper.failures).toEqual([]);
    for (const [index, told] of paper.told.entries()) {
      if (index > 0) expect(told.split(' ')[0]).toBe(paper.told[index - 1]?.split(' ')[1]);
    }
  }
});
