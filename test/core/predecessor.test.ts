import { describe, expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import { heldBy } from '../../src/core/budget.ts';
import { type Holding, Predecessor } from '../../src/core/predecessor.ts';
import { Retirement, type Retiring } from '../../src/core/retirement.ts';
import type { ModelRule, ModelView } from '../../src/core/scheduler-model.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';
import { PaperMachine, type PaperModel } from '../fixtures/paper-machine.ts';

const holding = (modelId: string, gpuBytes: number): Holding => ({
  modelId,
  pid: null,
  takes: [{ device: 'GPU0', kvBytes: 1, computeBytes: 1, totalBytes: gpuBytes }],
  reserve: { GPU0: gpuBytes },
});

describe('while the server before us still holds memory', () => {
  const machine = (predecessor: Predecessor, models: Record<string, PaperModel>): PaperMachine => {
    const m = new PaperMachine({
      budget: { GPU0: 10, Host: 20 },
      models,
      leaving: () => predecessor.leaving(),
    });
    predecessor.onChange(() => m.scheduler.tick());
    return m;
  };

  test('what fits beside it starts, what does not waits and is served when it goes', () => {
    const predecessor = new Predecessor([holding('x', 6)]);
    const m = machine(predecessor, { small: { size: 4 }, large: { size: 8 } });
    m.ask('large');
    expect(m.news()).toEqual([]);
    expect(m.events.findLast((event) => event.type === 'queued')).toMatchObject({
      waitingFor: 'x (before the restart)',
    });
    m.ask('small');
    // Who came first has the room that comes free: only what leaves that alone may start.
    m.pass(6000);
    predecessor.leave();
    expect(m.news()).toEqual(['start large GPU0']);
    expect(predecessor.isGone).toBe(true);
  });

  test('a small one alone does not wait', () => {
    const m = machine(new Predecessor([holding('x', 6)]), { small: { size: 4 } });
    m.ask('small');
    expect(m.news()).toEqual(['start small GPU0']);
  });

  test('it leaves model by model', () => {
    const predecessor = new Predecessor([holding('x', 4), holding('y', 4)]);
    const m = machine(predecessor, { a: { size: 6 } });
    m.ask('a');
    expect(m.news()).toEqual([]);
    predecessor.hold([holding('y', 4)]);
    expect(m.news()).toEqual(['start a GPU0']);
  });

  test('nobody takes a worse place for its sake', () => {
    const predecessor = new Predecessor([holding('x', 6)]);
    const m = machine(predecessor, { a: { size: 8, devices: ['GPU0', 'Host'] } });
    m.ask('a');
    expect(m.news()).toEqual([]);
    predecessor.leave();
    expect(m.news()).toEqual(['start a GPU0']);
  });

  test('what never fits is refused all the same, and no model of it is listed', () => {
    const m = machine(new Predecessor([holding('x', 6)]), { huge: { size: 50 }, large: { size: 8 } });
    m.ask('huge');
    m.ask('large');
    m.pass(6000);
    expect(m.news()).toEqual(['refuse 1 does_not_fit']);
    expect(m.scheduler.views().map((view) => view.modelId)).toEqual(['huge', 'large']);
  });

  test('its memory counts as memory that will be free, also a moment after it has gone', () => {
    const predecessor = new Predecessor([holding('x', 6)]);
    expect(heldBy(predecessor.holders())).toEqual({ sure: { GPU0: 6 }, perhaps: {} });
    predecessor.leave();
    expect(heldBy(predecessor.holders())).toEqual({ sure: {}, perhaps: { GPU0: 6 } });
    expect(predecessor.leaving()).toEqual([]);
  });
});

describe('retirement', () => {
  const RULE: ModelRule = { ttlMs: null, concurrencyLimit: null, group: null, estimatedLoadMs: 1 };
  const setUp = () => {
    const pins = new Map([
      ['a', true],
      ['b', false],
    ]);
    const view = (modelId: string): ModelView => ({
      modelId,
      state: modelId === 'b' ? 'stopped' : 'ready',
      since: 1,
      requestsInFlight: 0,
      requestsQueued: 0,
      isPinned: pins.get(modelId) === true,
      lastUsedAt: null,
      reserve: { Host: 7 },
      failure: null,
    });
    let refreshed = 0;
    const models: Retiring = {
      tickets: {
        views: () => [...pins.keys()].map(view),
        setPinned: (id, isPinned) => void pins.set(id, isPinned),
        refresh: () => {
          refreshed += 1;
        },
      },
      instances: { get: () => null },
    };
    const bus = new Bus<DroverEvent>();
    const retirement = new Retirement(bus, () => models);
    return { pins, bus, retirement, rule: retirement.rule(() => RULE), refreshed: () => refreshed };
  };

  test('lets every model go as soon as it is idle, pinned or not, and can be called off', () => {
    const { pins, bus, retirement, rule, refreshed } = setUp();
    expect(rule('a').ttlMs).toBeNull();
    retirement.begin();
    retirement.begin();
    expect(rule('a').ttlMs).toBe(1);
    expect(pins.get('a')).toBe(false);
    expect(refreshed()).toBe(1);
    expect(bus.recent().map(({ event }) => event.type)).toEqual(['server.stopping']);
    retirement.callOff();
    expect(rule('a').ttlMs).toBeNull();
    expect([...pins]).toEqual([
      ['a', true],
      ['b', false],
    ]);
    retirement.begin();
    expect(bus.recent().length).toBe(2);
  });

  test('tells of the models that hold something', () => {
    const { retirement } = setUp();
    expect(retirement.holdings()).toEqual([{ modelId: 'a', pid: null, takes: [], reserve: { Host: 7 } }]);
  });
});
