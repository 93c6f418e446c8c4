import { describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import type { Group } from '../../src/core/scheduler-policy.ts';
import { PaperMachine, type PaperModel } from '../fixtures/paper-machine.ts';

const machine = (
  models: Record<string, PaperModel>,
  options: Partial<ConstructorParameters<typeof PaperMachine>[0]> = {},
): PaperMachine => new PaperMachine({ budget: { GPU0: 10, GPU1: 10, Host: 20 }, models, ...options });

const group = (name: string, options: Partial<Group> = {}): Group => ({
  name,
  swap: true,
  exclusive: true,
  persistent: false,
  ...options,
});

describe('starting', () => {
  test('requests for one model share one load', () => {
    const m = machine({ a: { size: 5 } });
    m.ask('a');
    m.ask('a');
    m.ask('a');
    expect(m.news()).toEqual(['start a GPU0']);
    m.ready('a');
    expect(m.news()).toEqual(['grant 1', 'grant 2', 'grant 3']);
    m.ask('a');
    expect(m.news()).toEqual(['grant 4']);
    expect(m.scheduler.view('a').requestsInFlight).toBe(4);
  });

  test('what does not touch loads at the same time; what does not fit beside it waits', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6, devices: ['GPU1'] }, c: { size: 6 } });
    m.ask('a');
    m.ask('b');
    m.ask('c');
    expect(m.news()).toEqual(['start a GPU0', 'start b GPU1']);
    m.ready('a');
    m.ready('b');
    expect(m.news()).toEqual(['grant 1', 'grant 2']);
    expect(m.events.findLast((event) => event.type === 'queued')).toMatchObject({ position: 1, waitingFor: 'a' });
  });

  test('what would not fit on an empty machine is refused, and nothing goes for it', () => {
    const m = machine({ a: { size: 5 }, huge: { size: 50 } });
    m.warm('a');
    m.news();
    const ticket = m.ask('huge');
    expect(m.refused.get(ticket.id)?.kind).toBe('does_not_fit');
    expect(m.news()).toEqual(['refuse 2 does_not_fit']);
  });

  test('a caller that leaves a load leaves the load', () => {
    const m = machine({ a: { size: 5 } });
    const ticket = m.ask('a');
    m.scheduler.cancel(ticket);
    m.ready('a');
    expect(m.news()).toEqual(['start a GPU0']);
    expect(m.scheduler.view('a')).toMatchObject({ state: 'ready', requestsInFlight: 0 });
  });

  test('a caller that leaves the line is forgotten, and its successor served', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } });
    const first = m.ask('a');
    m.ready('a');
    const second = m.ask('b');
    m.scheduler.cancel(second);
    m.release(first);
    expect(m.news()).toEqual(['start a GPU0', 'grant 1']);
  });
});

describe('making room', () => {
  test('the idle model that is cheapest to bring back goes, then the newcomer starts', () => {
    const m = machine({ slow: { size: 5 }, quick: { size: 5 }, c: { size: 5 } });
    m.warm('slow', 60_000);
    m.warm('quick', 500);
    m.news();
    m.ask('c');
    expect(m.news()).toEqual(['stop quick']);
    m.gone('quick');
    expect(m.news()).toEqual(['start c GPU0']);
  });

  test('of equals the least recently used goes', () => {
    const m = machine({ a: { size: 5 }, b: { size: 5 }, c: { size: 5 } });
    m.warm('a');
    m.now += 10;
    m.warm('b');
    m.now += 10;
    m.release(m.ask('a'));
    m.news();
    m.ask('c');
    expect(m.news()).toEqual(['stop b']);
  });

  test('no more go than must: one large instead of the three small that were cheaper', () => {
    const m = machine({
      s1: { size: 1 },
      s2: { size: 1 },
      large: { size: 8 },
      c: { size: 7 },
    });
    m.warm('s1', 100);
    m.warm('s2', 100);
    m.warm('large', 5000);
    m.news();
    m.ask('c');
    expect(m.news()).toEqual(['stop large']);
  });

  test('an idle model goes rather than that the newcomer runs on the CPU', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6, devices: ['GPU0', 'Host'] } });
    m.warm('a');
    m.news();
    m.ask('b');
    expect(m.news()).toEqual(['stop a']);
    m.gone('a');
    expect(m.news()).toEqual(['start b GPU0']);
  });

  test('beside a busy or pinned model the newcomer takes what is left', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6, devices: ['GPU0', 'Host'] } });
    m.ask('a');
    m.ready('a');
    m.news();
    m.ask('b');
    expect(m.news()).toEqual(['start b Host']);
  });

  test('a busy model is waited for', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } });
    const busy = m.ask('a');
    m.ready('a');
    m.ask('b');
    expect(m.news()).toEqual(['start a GPU0', 'grant 1']);
    m.release(busy);
    expect(m.news()).toEqual(['stop a']);
    m.gone('a');
    expect(m.news()).toEqual(['start b GPU0']);
  });

  test('a model is not started while what it replaces still holds its memory', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 }, c: { size: 6 } });
    m.warm('a');
    m.news();
    m.ask('b');
    m.ask('c');
    m.scheduler.tick();
    expect(m.news()).toEqual(['stop a']);
    m.gone('a');
    expect(m.news()).toEqual(['start b GPU0']);
  });

  test('room that is being made is not given to a latecomer', () => {
    const m = machine({ a: { size: 6 }, b: { size: 8 }, late: { size: 3 } });
    m.warm('a');
    m.news();
    m.ask('b');
    m.ask('late');
    expect(m.news()).toEqual(['stop a']);
    m.gone('a');
    expect(m.news()).toEqual(['start b GPU0']);
    m.ready('b');
    expect(m.news()).toEqual(['grant 2']);
  });

  test('pinned models stay; who needs their room is told at once', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } });
    m.warm('a');
    m.scheduler.setPinned('a', true);
    m.pinned.add('a');
    m.news();
    const ticket = m.ask('b');
    expect(m.refused.get(ticket.id)?.kind).toBe('unavailable');
    expect(m.refused.get(ticket.id)?.details.pinned).toEqual(['a']);
    m.scheduler.setPinned('a', false);
    m.pinned.delete('a');
    m.ask('b');
    expect(m.news().at(-1)).toBe('stop a');
  });

  test('a preload never drives anybody out', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } });
    m.scheduler.request('a', { isLoad: true, mayEvict: false });
    m.ready('a');
    const ticket = m.scheduler.request('b', { isLoad: true, mayEvict: false });
    expect(m.refused.get(ticket.id)?.details.victims).toEqual(['a']);
    expect(m.news()).toEqual(['start a GPU0', 'grant 1', 'refuse 2 unavailable']);
  });
});

describe('fairness', () => {
  test('a busy model takes later requests only for so long while another waits for its room', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } }, { patienceMs: 5000 });
    const first = m.ask('a');
    m.ready('a');
    const other = m.ask('b');
    const early = m.ask('a');
    expect(m.granted.has(early.id)).toBe(true);
    m.pass(5000);
    const late = m.ask('a');
    expect(m.granted.has(late.id)).toBe(false);
    m.release(first);
    m.release(early);
    m.gone('a');
    m.ready('b');
    expect(m.granted.has(other.id)).toBe(true);
    // And the other way round.
    m.release(other);
    m.gone('b');
    m.ready('a');
    expect(m.granted.has(late.id)).toBe(true);
  });

  test('two busy models that must both go cannot take turns in being busy', () => {
    const m = machine({ a: { size: 5 }, b: { size: 5 }, large: { size: 10 } }, { patienceMs: 1000 });
    const onA = m.ask('a');
    m.ready('a');
    const onB = m.ask('b');
    m.ready('b');
    const large = m.ask('large');
    m.pass(1000);
    m.release(onA);
    const againA = m.ask('a');
    expect(m.granted.has(againA.id)).toBe(false);
    m.release(onB);
    m.gone('a');
    m.gone('b');
    m.ready('large');
    expect(m.granted.has(large.id)).toBe(true);
  });

  test('one that waits with patience lets a small newcomer start; without patience the room is kept for it', () => {
    const m = machine({ a: { size: 6 }, large: { size: 10 }, s1: { size: 2 }, s2: { size: 2 } }, { patienceMs: 1000 });
    m.ask('a');
    m.ready('a');
    m.ask('large');
    m.ask('s1');
    expect(m.news()).toContain('start s1 GPU0');
    m.pass(1000);
    m.ask('s2');
    expect(m.news()).not.toContain('start s2 GPU0');
  });

  test('who leaves takes the claim away', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } }, { patienceMs: 1000 });
    m.ask('a');
    m.ready('a');
    const other = m.ask('b');
    m.pass(1000);
    const late = m.ask('a');
    expect(m.granted.has(late.id)).toBe(false);
    m.scheduler.cancel(other);
    expect(m.granted.has(late.id)).toBe(true);
  });

  test('nobody waits longer than the deadline', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } }, { queueTimeoutMs: 30_000 });
    m.ask('a');
    m.ready('a', 2500);
    const ticket = m.ask('b');
    m.pass(29_999);
    expect(m.refused.has(ticket.id)).toBe(false);
    m.pass(1);
    const fault = m.refused.get(ticket.id);
    expect(fault?.kind).toBe('unavailable');
    expect(fault?.details).toMatchObject({ retryAfterSeconds: 1, waitingFor: 'a' });
  });

  test('a limit of concurrency makes a line, a limit of the line refuses', () => {
    const m = machine({ a: { size: 5, rule: { concurrencyLimit: 2 } } }, { queueLimit: 1 });
    const first = m.ask('a');
    m.ready('a');
    m.ask('a');
    m.ask('a');
    m.ask('a');
    expect(m.news()).toEqual(['start a GPU0', 'grant 1', 'grant 2', 'refuse 4 rate_limited']);
    m.release(first);
    expect(m.news()).toEqual(['grant 3']);
    m.release(first);
    expect(m.scheduler.view('a').requestsInFlight).toBe(2);
  });
});

describe('leaving', () => {
  test('an idle model leaves after its ttl, counted from its last request', () => {
    const m = machine({ a: { size: 5, rule: { ttlMs: 60_000 } } });
    const ticket = m.ask('a');
    m.ready('a');
    m.pass(120_000);
    m.release(ticket);
    m.news();
    m.pass(59_999);
    expect(m.news()).toEqual([]);
    m.pass(1);
    expect(m.news()).toEqual(['stop a']);
  });

  test('a pinned model has no ttl', () => {
    const m = machine({ a: { size: 5, rule: { ttlMs: 1000 } } });
    m.scheduler.setPinned('a', true);
    m.warm('a');
    m.news();
    m.pass(10_000);
    expect(m.news()).toEqual([]);
  });

  test('an unload waits for requests in flight, refuses those that wait, and forces in the end', () => {
    const m = machine({ a: { size: 5, rule: { concurrencyLimit: 1 } } });
    m.ask('a');
    m.ready('a');
    const waiting = m.ask('a');
    m.scheduler.unload('a', { drainMs: 5000 });
    expect(m.refused.get(waiting.id)?.kind).toBe('unavailable');
    const later = m.ask('a');
    m.news();
    m.allowingStops(() => m.pass(5000));
    expect(m.news()).toEqual(['stop a by force']);
    m.gone('a');
    expect(m.news()).toEqual(['start a GPU0']);
    m.ready('a');
    expect(m.granted.has(later.id)).toBe(true);
  });

  test('an unload while loading ends the load', () => {
    const m = machine({ a: { size: 5 } });
    const ticket = m.ask('a');
    m.scheduler.unload('a', { drainMs: 5000 });
    expect(m.refused.has(ticket.id)).toBe(true);
    expect(m.news()).toEqual(['start a GPU0', 'refuse 1 unavailable', 'stop a by force']);
    // The load's own failure comes before its end and says nothing new.
    m.scheduler.started('a', { fault: new Fault('unavailable', 'stopped') });
    m.gone('a');
    expect(m.scheduler.view('a')).toMatchObject({ state: 'stopped', failure: null });
  });

  test('the end of two stops of one child does not end its successor', () => {
    const m = machine({ a: { size: 5 } });
    m.ask('a');
    m.ready('a');
    m.allowingStops(() => m.scheduler.unload('a', { force: true, drainMs: 0 }));
    m.ask('a');
    m.gone('a');
    m.scheduler.stopped('a');
    expect(m.scheduler.view('a').state).toBe('starting');
  });

  test('closing drains, refuses, forces', () => {
    const m = machine({ a: { size: 5 }, b: { size: 5 } });
    const busy = m.ask('a');
    m.ready('a');
    m.warm('b');
    m.news();
    m.scheduler.close({ drainMs: 30_000 });
    expect(m.news()).toEqual(['stop b']);
    expect(m.refused.get(m.ask('b').id)?.kind).toBe('unavailable');
    m.gone('b');
    expect(m.scheduler.isEmpty).toBe(false);
    m.release(busy);
    m.gone('a');
    expect(m.scheduler.isEmpty).toBe(true);
  });
});

describe('failing', () => {
  test('all who waited for the load get its Fault; the next try waits 1, 2, 4 s', () => {
    const m = machine({ a: { size: 5 } });
    m.ask('a');
    m.ask('a');
    m.fails('a');
    expect(m.news()).toEqual(['start a GPU0', 'refuse 1 bad_gateway', 'refuse 2 bad_gateway']);
    expect(m.scheduler.view('a')).toMatchObject({ state: 'failed', reserve: {} });
    for (const pauseMs of [1000, 2000, 4000]) {
      m.ask('a');
      m.pass(pauseMs - 1);
      expect(m.news()).toEqual([]);
      m.pass(1);
      expect(m.news()).toEqual(['start a GPU0']);
      m.fails('a');
      m.news();
    }
  });

  test('after too many it is refused at once with the reason, then tried again; a load by hand does not wait', () => {
    const m = machine({ a: { size: 5 } });
    for (let round = 0; round < 5; round += 1) {
      m.ask('a');
      m.pass(20_000);
      m.fails('a', new Fault('bad_gateway', 'it broke', { details: { logLines: ['out of memory'] } }));
    }
    m.news();
    const refused = m.refused.get(m.ask('a').id);
    expect(refused?.kind).toBe('bad_gateway');
    expect(refused?.message).toContain('it broke');
    expect(refused?.details).toMatchObject({ logLines: ['out of memory'], retryAfterSeconds: 120 });
    m.news();
    m.scheduler.request('a', { isLoad: true });
    expect(m.news()).toEqual(['start a GPU0']);
    m.ready('a');
    expect(m.scheduler.view('a').failure).toBeNull();
  });

  test('what was not the engine is not counted', () => {
    const m = machine({ a: { size: 5 } });
    m.ask('a');
    m.fails('a', new Fault('unprocessable', 'broken file'));
    m.news();
    m.ask('a');
    expect(m.news()).toEqual(['start a GPU0']);
  });

  test('a planner that breaks refuses one model and holds up nobody', () => {
    const m = machine({ a: { size: 5 }, b: { size: 5 } });
    const plan = m.plan.bind(m);
    m.plan = (id, reserved) => {
      if (id === 'a') throw new Error('the planner broke');
      return plan(id, reserved);
    };
    expect(m.refused.get(m.ask('a').id)?.message).toBe('the planner broke');
    m.ask('b');
    expect(m.news()).toEqual(['refuse 1 internal', 'start b GPU0']);
  });

  test('a crash of a ready model frees its memory and its slots; late releases count nothing', () => {
    const m = machine({ a: { size: 6 }, b: { size: 6 } });
    const lost = m.ask('a');
    m.ready('a');
    m.ask('b');
    m.fails('a');
    expect(m.news()).toEqual(['start a GPU0', 'grant 1', 'start b GPU0']);
    m.ready('b');
    m.release(lost);
    expect(m.scheduler.view('a')).toMatchObject({ state: 'failed', requestsInFlight: 0 });
    expect(m.scheduler.view('b').requestsInFlight).toBe(1);
  });
});

describe('groups', () => {
  const rows: readonly {
    readonly what: string;
    readonly loaded: Group | null;
    readonly wanted: Group | null;
    readonly goes: boolean;
  }[] = [
    { what: 'no groups', loaded: null, wanted: null, goes: false },
    { what: 'same group, swap', loaded: group('g'), wanted: group('g'), goes: true },
    {
      what: 'same group, no swap',
      loaded: group('g', { swap: false }),
      wanted: group('g', { swap: false }),
      goes: false,
    },
    { what: 'exclusive newcomer, other group', loaded: group('g'), wanted: group('h'), goes: true },
    { what: 'exclusive newcomer, no group', loaded: null, wanted: group('h'), goes: true },
    {
      what: 'exclusive newcomer, persistent group',
      loaded: group('g', { persistent: true }),
      wanted: group('h'),
      goes: false,
    },
    {
      what: 'newcomer that is not exclusive',
      loaded: group('g'),
      wanted: group('h', { exclusive: false }),
      goes: false,
    },
    { what: 'newcomer without a group', loaded: group('g'), wanted: null, goes: false },
    {
      what: 'persistence does not protect from the own group',
      loaded: group('g', { persistent: true }),
      wanted: group('g', { persistent: true }),
      goes: true,
    },
  ];
  for (const { what, loaded, wanted, goes } of rows) {
    test(what, () => {
      const m = machine({ a: { size: 1, rule: { group: loaded } }, b: { size: 1, rule: { group: wanted } } });
      m.warm('a');
      m.news();
      m.ask('b');
      expect(m.news()).toEqual(goes ? ['stop a'] : ['start b GPU0']);
      if (!goes) return;
      m.gone('a');
      expect(m.news()).toEqual(['start b GPU0']);
    });
  }

  test('a busy sibling is waited for', () => {
    const m = machine({ a: { size: 1, rule: { group: group('g') } }, b: { size: 1, rule: { group: group('g') } } });
    const busy = m.ask('a');
    m.ready('a');
    m.ask('b');
    expect(m.news()).toEqual(['start a GPU0', 'grant 1']);
    m.release(busy);
    expect(m.news()).toEqual(['stop a']);
  });

  test('a pin is stronger than another group, and blocks a swap in its own', () => {
    const m = machine({
      a: { size: 1, rule: { group: group('g') } },
      b: { size: 1, rule: { group: group('h') } },
      c: { size: 1, rule: { group: group('g') } },
    });
    m.warm('a');
    m.scheduler.setPinned('a', true);
    m.pinned.add('a');
    m.news();
    m.ask('b');
    expect(m.news()).toEqual(['start b GPU0']);
    expect(m.refused.get(m.ask('c').id)?.details.pinned).toEqual(['a']);
  });
});
