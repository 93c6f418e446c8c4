// Clients, kills, stops, reloads and pins all at once on little memory, with the real engine: nothing hangs, nothing is
// granted twice, no budget is overdrawn, no process is left.
import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { pause } from '../../src/base/sync.ts';
import { HOST } from '../../src/core/placement.ts';
import { isAlive, openHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
const RAM_GB = 0.32;
const DURATION_MS = 4000;

const configOf = (round: number): string =>
  `ram: ${RAM_GB}\nqueueTimeout: 20\nmodels:\n${NAMES.map(
    (name) =>
      `  ${name}:\n    file: \${models}/${name}.gguf\n    contextSize: 4096\n    cacheType: f16\n    parallel: 2\n    threads: 1\n` +
      (name === 'c' ? `    batchSize: ${256 * (1 + (round % 3))}\n` : ''),
  ).join('')}`;

/** The same every time it is run, as far as the machine is. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

test('a house under siege', async () => {
  await using house = await openHouse({
    models: Object.fromEntries(NAMES.map((name) => [`${name}.gguf`, tinyLlama({ name })])),
    config: configOf(0),
  });
  const { drover } = house;
  const random = randomOf(7);
  const anyName = (): string => NAMES[Math.floor(random() * NAMES.length)] ?? 'a';
  const until = performance.now() + DURATION_MS;
  const pids = new Set<number>();
  let most = 0;
  let answered = 0;
  const strange: string[] = [];
  house.core.bus.subscribe(() => {
    const all = drover.instances();
    for (const { pid } of all) if (pid !== null) pids.add(pid);
    most = Math.max(
      most,
      all.reduce((sum, instance) => sum + (instance.reservedBytes[HOST] ?? 0), 0),
    );
  });

  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const controller = new AbortController();
      const timer =
        random() < 0.2 ? setTimeout(() => controller.abort(new Fault('cancelled', 'left')), random() * 150) : null;
      try {
        const answer = await house.ask(anyName(), {
          tokens: 1 + Math.floor(random() * 100),
          signal: controller.signal,
        });
        if (answer.status === 200) answered += 1;
        else strange.push(`${answer.status} ${answer.text}`);
      } catch (thrown) {
        // The engine died under the request, or somebody stopped it: each says so by its kind.
        const isKnown = thrown instanceof Fault && ['cancelled', 'unavailable', 'bad_gateway'].includes(thrown.kind);
        const isCut = thrown instanceof TypeError || (thrown instanceof Error && 'code' in thrown);
        if (!isKnown && !isCut) strange.push(String(thrown));
      } finally {
        if (timer !== null) clearTimeout(timer);
      }
    }
  };
  const loads: Promise<unknown>[] = [];
  const siege = async (): Promise<void> => {
    for (let round = 1; performance.now() < until; round += 1) {
      await pause(60 + random() * 150);
      const name = anyName();
      const choice = random();
      if (choice < 0.1) {
        const pid = house.instance(name)?.pid ?? null;
        if (pid !== null) process.kill(pid, 'SIGKILL');
      } else if (choice < 0.35) await drover.stop(name, { force: random() < 0.5 });
      else if (choice < 0.6) {
        house.configure(configOf(round));
        await drover.reload();
      } else if (choice < 0.8) {
        drover.setPinned(name, true);
        await pause(30);
        drover.setPinned(name, false);
      } else loads.push(drover.load(name).catch(() => undefined));
    }
  };
  await Promise.all([...[1, 2, 3, 4, 5, 6].map(client), siege()]);
  await Promise.all(loads);
  expect(strange).toEqual([]);
  expect(answered).toBeGreaterThan(20);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(RAM_GB * 1e9);
  for (const instance of drover.instances()) expect(instance).toMatchObject({ requestsInFlight: 0, requestsQueued: 0 });
  await drover.close({ drainMs: 1000 });
  expect(pids.size).toBeGreaterThan(3);
  expect([...pids].filter(isAlive)).toEqual([]);
});
