// The core with the real engine: loads, memory, queue, verdicts, ends.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { Log } from '../../src/base/log.ts';
import { HOST } from '../../src/core/placement.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';
import { Reaper } from '../../src/engine/reaper.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { isAlive, openHouse, type TestHouse } from '../fixtures/house.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

/** Everything settled by hand, so that a plan cannot shrink; at 4096 tokens each takes a little more than 100 MB. */
const fixed = (names: readonly string[], more: Readonly<Record<string, string>> = {}): string =>
  names
    .map(
      (name) =>
        `  ${name}:\n    file: \${models}/${name}.gguf\n    contextSize: 4096\n    cacheType: f16\n    parallel: 2\n    threads: 1\n${more[name] ?? ''}`,
    )
    .join('');
const files = (...names: string[]): Record<string, Uint8Array> =>
  Object.fromEntries(names.map((name) => [`${name}.gguf`, tinyLlama({ name })]));

describe('a house with memory', () => {
  let house: TestHouse;
  beforeAll(async () => {
    house = await openHouse({
      models: { ...files('alpha', 'beta'), 'embed.gguf': tinyBert(), 'cut.gguf': tinyLlama().subarray(0, 9000) },
      config: `models:\n${fixed(['alpha', 'beta'])}`,
    });
  });
  afterAll(() => house[Symbol.asyncDispose]());

  test('two models load at the same time and both answer; what is asked of one at once is one process', async () => {
    const answers = await Promise.all(['alpha', 'beta', 'alpha', 'beta', 'alpha'].map((name) => house.ask(name)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(answers.map((answer) => answer.pid))).toEqual(new Set([house.pid('alpha'), house.pid('beta')]));
    const starts = house.events.filter(
      (event) => event.type === 'instance.changed' && event.instance.state === 'starting',
    );
    expect(starts.length).toBe(2);
    const order = house.events
      .filter((event) => event.type === 'instance.changed' || event.type === 'instance.verdict')
      .map((event) => (event.type === 'instance.changed' ? event.instance.state : 'verdict'));
    // Neither waited for the other.
    expect(order.slice(0, 2)).toEqual(['starting', 'starting']);
  });

  test('events of one life come in order: starting, verdict, ready, stopping, stopped', async () => {
    await house.drover.stop('alpha');
    const from = house.events.length;
    await house.ask('alpha');
    await house.drover.stop('alpha');
    const told = house.events.slice(from).flatMap((event): string[] => {
      if (event.type === 'instance.changed' && event.instance.modelId === 'alpha') {
        return [`${event.previous}>${event.instance.state}`];
      }
      // The second one fills in the speed of the first answer.
      if (event.type === 'instance.verdict')
        return [event.verdict.tokensPerSecond === null ? 'verdict' : 'verdict with speed'];
      return event.type === 'request.finished' ? ['request'] : [];
    });
    expect(told).toEqual([
      ...['stopped>starting', 'verdict', 'starting>ready', 'request', 'verdict with speed'],
      ...['ready>stopping', 'stopping>stopped'],
    ]);
  });

  test('the verdict is as planned, nothing takes more than was predicted, and what was learned counts at the next load', async () => {
    await house.drover.load('beta');
    const first = house.instance('beta')?.verdict;
    expect(first).toMatchObject({ outcome: 'as_planned', contextTokens: 4096, cacheTypeK: 'f16', layersOnGpu: 0 });
    const [measured, predicted] = [first?.measuredBytes?.[HOST] ?? Infinity, first?.predictedBytes?.[HOST] ?? 0];
    expect(measured).toBeGreaterThan(0);
    expect(measured).toBeLessThanOrEqual(predicted);
    const report = await house.drover.fit('beta');
    expect(report.reasons).toContain('Corrected by what earlier loads of this model took.');
    await house.drover.stop('beta');
    await house.drover.load('beta');
    const second = house.instance('beta')?.verdict;
    expect(second?.outcome).toBe('as_planned');
    expect(second?.measuredBytes?.[HOST] ?? Infinity).toBeLessThanOrEqual(second?.predictedBytes?.[HOST] ?? 0);
    // Nearer to the truth than the first guess.
    expect(second?.predictedBytes?.[HOST] ?? Infinity).toBeLessThan(predicted);
  });

  test('a loaded tiny model does not reserve gigabytes, and is not counted twice', async () => {
    await house.drover.load('beta');
    expect(house.instance('beta')?.reservedBytes[HOST]).toBeLessThan(160e6);
    const [empty] = house.drover.status().budget;
    // A reload measures anew.
    await house.drover.reload();
    const [loaded] = house.drover.status().budget;
    // The sum to share stays what it was, give or take what else moves on this machine.
    expect(Math.abs((loaded?.budgetBytes ?? 0) - (empty?.budgetBytes ?? 0))).toBeLessThan(2e9);
    expect(loaded?.reservedBytes).toBe(
      house.drover.instances().reduce((sum, instance) => sum + (instance.reservedBytes[HOST] ?? 0), 0),
    );
  });

  test('a file that is cut is refused at once, without a start and without a count of failures', async () => {
    for (let round = 0; round < 7; round += 1) {
      const fault = await faultOf(house.ask('cut'));
      expect(fault.kind).toBe('unprocessable');
      expect(fault.hint).toBeDefined();
    }
    expect(house.instance('cut')).toBeNull();
  });

  test('an embedding model answers', async () => {
    const id = house.drover.models().find((model) => model.kind === 'embedding')?.id ?? '';
    const answer = await house.ask(id, { path: '/v1/embeddings', body: { input: 'a house' } });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text).data[0].embedding.length).toBe(64);
  });

  test('a wait that is given up while the model loads leaves the load alone', async () => {
    await house.drover.stop('alpha');
    const controller = new AbortController();
    const gone = house.ask('alpha', { signal: controller.signal }).catch((thrown: unknown) => thrown);
    await house.untilState('alpha', 'starting');
    const reason = new Fault('cancelled', 'The client left.');
    controller.abort(reason);
    expect(await gone).toBe(reason);
    await house.untilState('alpha', 'ready');
    expect(house.instance('alpha')).toMatchObject({ requestsInFlight: 0, requestsQueued: 0 });
  });

  test('usage is summed by model and kept one by one, newest last', async () => {
    const before = house.drover.usage().find((sums) => sums.modelId === 'alpha');
    await house.ask('alpha', { tokens: 6 });
    const after = house.drover.usage().find((sums) => sums.modelId === 'alpha');
    expect(after?.requestCount).toBe((before?.requestCount ?? 0) + 1);
    expect(after?.generatedTokens).toBe((before?.generatedTokens ?? 0) + 6);
    expect(after?.lastTokensPerSecond).toBeGreaterThan(0);
    expect(house.drover.requests(1)[0]).toMatchObject({ modelId: 'alpha', status: 200, generatedTokens: 6 });
    expect(house.instance('alpha')?.verdict?.tokensPerSecond).toBeGreaterThan(0);
  });

  test('names: an alias and another spelling lead to it; nothing named is a question back; a wrong name has near ones', async () => {
    expect((await house.ask('ALPHA')).pid).toBe(house.pid('alpha'));
    expect((await faultOf(house.ask(null))).kind).toBe('bad_request');
    const unknown = await faultOf(house.ask('alpa'));
    expect(unknown.kind).toBe('not_found');
    expect(unknown.details.nearNames).toContain('alpha');
  });
});

describe('little memory', () => {
  let house: TestHouse;
  const setup = (ram: number, more: Record<string, string> = {}, top = ''): string =>
    `ram: ${ram}\nqueueTimeout: 1\n${top}models:\n${fixed(['alpha', 'beta', 'gamma'], more)}  huge:\n    file: \${models}/gamma.gguf\n    contextSize: 400000\n`;
  beforeAll(async () => {
    house = await openHouse({ models: files('alpha', 'beta', 'gamma'), config: setup(0.2) });
  });
  afterAll(() => house[Symbol.asyncDispose]());

  test('one at a time where there is room for one: the idle one goes', async () => {
    const { takesBytes } = await house.drover.fit('alpha');
    expect(takesBytes[HOST]).toBeGreaterThan(100e6);
    expect(takesBytes[HOST]).toBeLessThan(200e6);
    const first = await house.ask('alpha');
    expect(first.status).toBe(200);
    expect((await house.ask('beta')).status).toBe(200);
    expect(house.state('alpha')).toBe('stopped');
    expect(isAlive(first.pid ?? 0)).toBe(false);
    expect(house.drover.instances().length).toBe(1);
  });

  test('a busy one never goes: who waits is told so, and when to come back', async () => {
    await house.drover.load('beta');
    const pid = house.pid('beta');
    await using lease = await house.drover.acquire('beta');
    const stages: string[] = [];
    const fault = await faultOf(
      house.ask('alpha', { onProgress: (stage, detail) => void stages.push(`${stage} ${detail}`) }),
    );
    expect(fault.kind).toBe('unavailable');
    expect(fault.details.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(fault.message).toContain('beta');
    expect(stages).toContain('queued 1, for beta');
    expect(house.pid('beta')).toBe(pid);
    expect(lease.signal.aborted).toBe(false);
  });

  test('who waits in the queue and leaves is gone from it; who stays gets the room when the busy one is done', async () => {
    await house.drover.load('beta');
    const lease = await house.drover.acquire('beta');
    const controller = new AbortController();
    const leaver = house.ask('gamma', { signal: controller.signal }).catch((thrown: unknown) => thrown);
    await house.untilQueued('gamma');
    const stayer = house.ask('alpha');
    await house.untilQueued('alpha');
    controller.abort(new Fault('cancelled', 'The client left.'));
    expect(await leaver).toBeInstanceOf(Fault);
    await lease[Symbol.asyncDispose]();
    expect((await stayer).status).toBe(200);
    expect(house.state('beta')).toBe('stopped');
    expect(house.instance('gamma')).toBeNull();
  });

  test('a pinned one never goes, and the refusal says how to change that', async () => {
    await house.drover.load('alpha');
    house.drover.setPinned('alpha', true);
    const fault = await faultOf(house.ask('beta'));
    expect(fault.kind).toBe('unavailable');
    expect(`${fault.message} ${fault.hint}`).toMatch(/alpha/);
    expect(house.state('alpha')).toBe('ready');
    house.drover.setPinned('alpha', false);
    expect((await house.ask('beta')).status).toBe(200);
    expect(house.state('alpha')).toBe('stopped');
  });

  test('what cannot fit at all is refused at once with what would', async () => {
    const at = performance.now();
    const fault = await faultOf(house.ask('huge'));
    expect(performance.now() - at).toBeLessThan(900);
    expect(fault.kind).toBe('does_not_fit');
    expect(fault.details.neededBytes).toBeGreaterThan(200e6);
    expect(fault.details.wouldFit).not.toBeNull();
    expect(fault.hint).toMatch(/would fit with/);
  });

  test('a preload takes free room only', async () => {
    await house.drover.load('alpha');
    const pid = house.pid('alpha');
    house.configure(setup(0.2, {}, 'preload: [beta]\n'));
    await house.drover.reload();
    const told = house.until((event) => event.type === 'log' && event.line.message.includes('beta was not preloaded'));
    house.drover.preload();
    await told;
    expect(house.pid('alpha')).toBe(pid);
    expect(house.state('beta')).toBe('stopped');
    house.configure(setup(0.2));
    await house.drover.reload();
  });

  test('more room after a reload, without a restart of what runs', async () => {
    const { pid } = await house.ask('alpha');
    house.configure(setup(0.5));
    expect(await house.drover.reload()).toEqual([]);
    expect((await house.ask('beta')).status).toBe(200);
    expect(house.pid('alpha')).toBe(pid ?? 0);
    house.configure(setup(0.2));
    await house.drover.reload();
  });
});

describe('rules of the configuration', () => {
  test('groups: one member at a time; exclusive ones send away what is outside, persistent ones stay', async () => {
    const names = ['one', 'two', 'apart', 'steady'];
    await using house = await openHouse({
      models: files(...names),
      config: `models:\n${fixed(names)}groups:\n  pair:\n    members: [one, two]\n  base:\n    persistent: true\n    swap: false\n    exclusive: false\n    members: [steady]\n`,
    });
    await Promise.all([house.ask('apart'), house.ask('steady')]);
    const steady = house.pid('steady');
    await house.ask('one');
    expect(house.drover.instances().map((instance) => instance.modelId)).toEqual(
      expect.arrayContaining(['steady', 'one']),
    );
    expect(house.state('apart')).toBe('stopped');
    await house.ask('two');
    expect(house.state('one')).toBe('stopped');
    expect(house.pid('steady')).toBe(steady);
    // What is in no group sends nobody away.
    await house.ask('apart');
    expect(house.state('two')).toBe('ready');
  });

  test('ttl stops what idles, preload and pin count from the start, a limit of requests at once is kept', async () => {
    await using house = await openHouse({
      models: files('brief', 'held', 'narrow'),
      config: `preload: [held]\nmodels:\n${fixed(['brief', 'held', 'narrow'], {
        brief: '    ttl: 0.2\n',
        held: '    pin: true\n    ttl: 0.2\n',
        narrow: '    concurrencyLimit: 1\n',
      })}`,
    });
    house.drover.preload();
    await house.untilState('held', 'ready');
    expect(house.instance('held')?.isPinned).toBe(true);
    house.drover.setPinned('narrow', true);
    house.drover.setPinned('narrow', true);
    house.drover.setPinned('narrow', false);
    const pins = house.events.flatMap((event) => (event.type === 'instance.pinned' ? [event.instance] : []));
    expect(pins.map(({ modelId, isPinned, state }) => [modelId, isPinned, state])).toEqual([
      ['held', true, 'stopped'],
      ['narrow', true, 'stopped'],
      ['narrow', false, 'stopped'],
    ]);
    await house.ask('brief');
    const [narrow] = await Promise.all([house.drover.acquire('narrow'), house.untilState('brief', 'stopped')]);
    let isIn = false;
    const second = house.drover.acquire('narrow').then((lease) => {
      isIn = true;
      return lease;
    });
    await house.untilQueued('narrow');
    expect(isIn).toBe(false);
    expect(house.instance('narrow')).toMatchObject({ requestsInFlight: 1, requestsQueued: 1 });
    await narrow[Symbol.asyncDispose]();
    await (await second)[Symbol.asyncDispose]();
    expect(house.state('held')).toBe('ready');
  });

  test('close lets requests in flight end, refuses new ones, and no child is left', async () => {
    const house = await openHouse({ models: files('one', 'two'), config: `models:\n${fixed(['one', 'two'])}` });
    try {
      await house.ask('two');
      const pids = [house.pid('two')];
      const running = house.ask('one', { tokens: 2000 });
      await house.untilState('one', 'ready');
      pids.push(house.pid('one'));
      const closed = house.drover.close({ drainMs: 20_000 });
      expect((await faultOf(house.ask('two'))).kind).toBe('unavailable');
      const answer = await running;
      expect(JSON.parse(answer.text).timings.predicted_n).toBe(2000);
      await closed;
      expect(pids.filter(isAlive)).toEqual([]);
      expect(house.events.some((event: DroverEvent) => event.type === 'server.stopping')).toBe(true);
    } finally {
      await house[Symbol.asyncDispose]();
    }
  });
});

describe('what an earlier run left behind', () => {
  test('is ended at the next start; our own children are on record as long as they run', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'drover-left-'));
    const folder = join(dataFolder, 'children', 'records');
    const recordOf = (pid: number): string => join(folder, `${pid}.json`);
    // A child whose Drover was killed where the kernel does not end the child with it.
    const orphan = Bun.spawn(['sleep', '600'], { stdio: ['ignore', 'ignore', 'ignore'], detached: true });
    try {
      new Reaper(folder, new Log()).record(orphan.pid, 'left');
      expect(existsSync(recordOf(orphan.pid))).toBe(true);
      {
        await using house = await openHouse({ dataFolder, models: files('one'), config: `models:\n${fixed(['one'])}` });
        await orphan.exited;
        expect(orphan.signalCode).toBe('SIGKILL');
        expect(house.log.some((line) => line.level === 'warn' && line.message.includes('left behind'))).toBe(true);
        const { pid } = await house.ask('one');
        expect(existsSync(recordOf(pid ?? 0))).toBe(true);
        await house.drover.stop('one');
        expect(existsSync(recordOf(pid ?? 0))).toBe(false);
      }
    } finally {
      orphan.kill('SIGKILL');
      rmSync(dataFolder, { recursive: true, force: true });
    }
  });
});

describe('what fails', () => {
  test('a child that is killed is told, and restarted after a while for who asks; stopped later, it has not failed', async () => {
    await using house = await openHouse({ models: files('frail'), config: `models:\n${fixed(['frail'])}` });
    const { pid } = await house.ask('frail');
    const lease = await house.drover.acquire('frail');
    process.kill(pid ?? 0, 'SIGKILL');
    await house.untilState('frail', 'failed');
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(Fault);
    await lease[Symbol.asyncDispose]();
    expect(house.instance('frail')?.failure).toContain('killed from outside');
    const at = performance.now();
    const again = await house.ask('frail');
    expect(performance.now() - at).toBeGreaterThan(700);
    expect(again.pid).not.toBe(pid);
    expect(house.instance('frail')).toMatchObject({ state: 'ready', failure: null });
    // Idle and stopped later, it has not failed.
    await house.drover.stop('frail');
    expect(house.instance('frail')).toBeNull();
  });

  test('who waits for a model that died waits the longer the more often it did; a load by hand tries at once', async () => {
    await using house = await openHouse({ models: files('frail'), config: `models:\n${fixed(['frail'])}` });
    for (const _ of ['once', 'twice']) {
      const { pid } = await house.ask('frail');
      process.kill(pid ?? 0, 'SIGKILL');
      await house.untilState('frail', 'failed');
    }
    expect(house.drover.engineLines('frail', 50).length).toBeGreaterThan(5);
    const waiting = house.ask('frail');
    await house.untilQueued('frail');
    expect(house.instance('frail')).toMatchObject({ state: 'failed', requestsQueued: 1 });
    const at = performance.now();
    await house.drover.load('frail');
    expect(performance.now() - at).toBeLessThan(1500);
    expect((await waiting).status).toBe(200);
  });

  test('a file that is gone before it is noticed: the engine says so, the verdict too', async () => {
    await using house = await openHouse({ models: files('lost'), config: `models:\n${fixed(['lost'])}` });
    unlinkSync(`${house.modelsFolder}/lost.gguf`);
    const fault = await faultOf(house.ask('lost'));
    expect(fault.kind).toBe('bad_gateway');
    expect(fault.message).toContain('cannot be opened');
    expect((fault.details.logLines as string[]).length).toBeGreaterThan(0);
    const instance = house.instance('lost');
    expect(instance?.state).toBe('failed');
    expect(instance?.verdict?.outcome).toBe('failed');
    expect(instance?.verdict?.findings[0]?.message).toContain('cannot be opened');
  });
});
