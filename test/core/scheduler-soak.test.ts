import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import type { Ticket } from '../../src/core/scheduler-model.ts';
import { PaperMachine } from '../fixtures/paper-machine.ts';

/** mulberry32: a small seeded generator, numbers in [0, 1). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const swap = { name: 'swap', swap: true, exclusive: false, persistent: false };
const alone = { name: 'alone', swap: true, exclusive: true, persistent: false };

const MODELS = {
  small: { size: 2, devices: ['GPU0', 'GPU1', 'Host'] },
  middle: { size: 4, devices: ['GPU0', 'GPU1'], rule: { concurrencyLimit: 2 } },
  wide: { size: 6, devices: ['GPU1', 'Host'] },
  large: { size: 9, devices: ['GPU0'] },
  whole: { size: 10, devices: ['GPU0'], rule: { estimatedLoadMs: 30_000 } },
  brief: { size: 3, devices: ['GPU0', 'Host'], rule: { ttlMs: 3000 } },
  first: { size: 2, devices: ['GPU1'], rule: { group: swap } },
  second: { size: 2, devices: ['GPU1'], rule: { group: swap } },
  loner: { size: 1, devices: ['Host'], rule: { group: alone } },
  huge: { size: 99, devices: ['GPU0'] },
};
const NAMES = Object.keys(MODELS);
const QUEUE_MS = 120_000;

interface Life {
  readonly machine: PaperMachine;
  readonly tickets: Ticket[];
  readonly left: Set<number>;
}

// Steps that the machine itself takes: loads end, children leave, requests end. The paper machine throws on a broken rule.
function live(seed: number, steps: number): Life {
  const random = seeded(seed);
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const machine = new PaperMachine({
    budget: { GPU0: 10, GPU1: 8, Host: 12 },
    models: MODELS,
    queueTimeoutMs: QUEUE_MS,
    patienceMs: 3000,
    queueLimit: 40,
  });
  const tickets: Ticket[] = [];
  const left = new Set<number>();
  const running = (): Ticket[] =>
    tickets.filter((ticket) => machine.inFlight.get(ticket.modelId)?.has(ticket.id) === true);
  for (let step = 0; step < steps; step += 1) {
    const dice = random();
    if (dice < 0.3) tickets.push(machine.ask(pick(NAMES) ?? 'small'));
    else if (dice < 0.55) {
      const ticket = pick(running());
      if (ticket !== undefined) machine.release(ticket);
    } else if (dice < 0.68) {
      const id = pick([...machine.starting]);
      if (id !== undefined && random() < 0.95) machine.ready(id, 100 + random() * 20_000);
      else if (id !== undefined) machine.fails(id);
    } else if (dice < 0.8) {
      const id = pick([...machine.stopping]);
      if (id !== undefined) machine.gone(id);
    } else if (dice < 0.83) {
      const ticket = pick(tickets.filter(({ id }) => !machine.refused.has(id) && !left.has(id)));
      if (ticket !== undefined) {
        left.add(ticket.id);
        machine.inFlight.get(ticket.modelId)?.delete(ticket.id);
        machine.scheduler.cancel(ticket);
      }
    } else if (dice < 0.835) {
      const id = pick([...machine.held.keys()].filter((held) => !machine.stopping.has(held)));
      if (id !== undefined) machine.fails(id, new Fault('bad_gateway', 'crash'));
    } else if (dice < 0.845) {
      const id = pick(NAMES) ?? 'small';
      const isPinned = random() < 0.3;
      if (isPinned) machine.pinned.add(id);
      else machine.pinned.delete(id);
      machine.scheduler.setPinned(id, isPinned);
    } else if (dice < 0.85) {
      machine.unload(pick(NAMES) ?? 'small', { force: random() < 0.5, drainMs: 1000 });
    } else {
      machine.allowingForcedStops(() => machine.pass(random() * 800));
    }
    if (machine.events.length > 1000) machine.events.length = 0;
    machine.log.length = 0;
    check(machine);
    if (tickets.length > 400) tickets.splice(0, 100);
  }
  return { machine, tickets, left };
}

function check({ scheduler, held, inFlight, starting, stopping }: PaperMachine): void {
  for (const view of scheduler.views()) {
    const id = view.modelId;
    const isHeld = view.state !== 'stopped' && view.state !== 'failed';
    if (isHeld !== held.has(id))
      throw new Error(`${id} is ${view.state} but ${held.has(id) ? 'holds' : 'holds no'} memory`);
    if ((view.state === 'starting') !== starting.has(id)) throw new Error(`${id}: ${view.state}, starting`);
    if ((view.state === 'stopping') !== stopping.has(id)) throw new Error(`${id}: ${view.state}, stopping`);
    if (view.requestsInFlight !== (inFlight.get(id)?.size ?? 0)) throw new Error(`${id}: requests in flight differ`);
  }
}

for (const seed of [1, 2, 3, 4]) {
  test(`10 000 random steps, seed ${seed}: no rule is broken and everybody is answered once`, () => {
    const { machine, left } = live(seed, 10_000);
    // Let all end what it does: then nobody may still wait.
    const asked: Ticket[] = [];
    for (const id of NAMES) {
      machine.pinned.delete(id);
      machine.scheduler.setPinned(id, false);
      asked.push(machine.ask(id));
    }
    for (let round = 0; round < 400; round += 1) {
      for (const id of [...machine.starting]) machine.ready(id);
      for (const id of [...machine.stopping]) machine.gone(id);
      for (const [id, flight] of machine.inFlight)
        for (const ticket of flight) machine.release({ id: ticket, modelId: id } as Ticket);
      machine.allowingForcedStops(() => machine.pass(1000));
      check(machine);
    }
    expect(machine.scheduler.views().map((view) => view.requestsQueued)).toEqual(
      machine.scheduler.views().map(() => 0),
    );
    for (const ticket of asked) {
      expect(machine.granted.has(ticket.id) || machine.refused.has(ticket.id)).toBe(true);
      if (ticket.modelId === 'huge') expect(machine.refused.get(ticket.id)?.kind).toBe('does_not_fit');
    }
    expect(machine.granted.size).toBeGreaterThan(500);
    expect(left.size).toBeGreaterThan(50);
  });
}

test('under steady load on two models that exclude each other, both are served and neither waits for ever', () => {
  const random = seeded(7);
  const machine = new PaperMachine({
    budget: { GPU0: 10 },
    models: { a: { size: 6 }, b: { size: 6 } },
    queueTimeoutMs: 600_000,
    patienceMs: 5000,
  });
  const askedAt = new Map<number, number>();
  let longestMs = 0;
  const servedCount = { a: 0, b: 0 };
  const seen = new Set<number>();
  for (let step = 0; step < 5000; step += 1) {
    // `a` always has several requests in flight; `b` is asked for now and then.
    const id = random() < 0.9 ? 'a' : 'b';
    const ticket = machine.ask(id);
    askedAt.set(ticket.id, machine.now);
    machine.pass(200);
    for (const loading of [...machine.starting]) machine.ready(loading, 500);
    for (const leaving of [...machine.stopping]) machine.gone(leaving);
    for (const granted of machine.granted.values()) {
      if (seen.has(granted.id)) continue;
      seen.add(granted.id);
      longestMs = Math.max(longestMs, machine.now - (askedAt.get(granted.id) ?? machine.now));
      servedCount[granted.modelId as 'a' | 'b'] += 1;
    }
    // Each takes about two seconds.
    for (const [modelId, flight] of machine.inFlight) {
      for (const running of flight) if (random() < 0.1) machine.release({ id: running, modelId } as Ticket);
    }
  }
  expect(machine.refused.size).toBe(0);
  expect(servedCount.a).toBeGreaterThan(4000);
  expect(servedCount.b).toBeGreaterThan(400);
  expect(longestMs).toBeLessThan(60_000);
});
