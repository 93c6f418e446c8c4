// What Home draws and says, without a browser: bars, the sentence at the top, what mends a finding, when a model leaves.
import { describe, expect, test } from 'bun:test';
import type { Instance } from '../../../src/ui/api/answers.ts';
import { idleLeftMs } from '../../../src/ui/app/course.ts';
import { atWork, failureOf } from '../../../src/ui/pages/home/course.ts';
import { headlineOf } from '../../../src/ui/pages/home/headline.ts';
import { gpuOf, memoryOf, seriesOf, usedOf } from '../../../src/ui/pages/home/memory.ts';
import { canMend, commandOf, type Finding, placeFor, sortedFindings } from '../../../src/ui/pages/home/mending.ts';
import { paperInstance } from '../../fixtures/paper-instance.ts';

const GIB = 2 ** 30;
const instance = (modelId: string, more: Partial<Instance> = {}): Instance =>
  paperInstance(modelId, { since: 1000, ...more });
const line = (device: string, total: number | null, budget: number, reserved: number) => ({
  device,
  totalBytes: total === null ? null : total * GIB,
  budgetBytes: budget * GIB,
  reservedBytes: reserved * GIB,
});

describe('bars', () => {
  const instances = [
    instance('a', { reservedBytes: { CUDA0: 2 * GIB, Host: GIB } }),
    instance('gone', { state: 'stopped', reservedBytes: { CUDA0: 4 * GIB } }),
    instance('b', { reservedBytes: { CUDA0: GIB } }),
  ];

  test('shares add up to the whole, and a model has one colour everywhere', () => {
    const [gpu, host] = memoryOf([line('CUDA0', 8, 6, 3), line('Host', 32, 20, 1)], instances);
    expect(gpu?.holdings).toEqual([
      { modelId: 'a', bytes: 2 * GIB, series: 1 },
      { modelId: 'b', bytes: GIB, series: 3 },
    ]);
    expect([gpu?.othersBytes, gpu?.freeBytes]).toEqual([2 * GIB, 3 * GIB]);
    expect(host?.holdings).toEqual([{ modelId: 'a', bytes: GIB, series: 1 }]);
    for (const device of [gpu, host]) {
      const held = (device?.holdings ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
      expect(held + (device?.othersBytes ?? 0) + (device?.freeBytes ?? 0)).toBe(device?.totalBytes ?? -1);
    }
  });

  test('more held than there was to give, and a total that nobody knows', () => {
    const [over] = memoryOf([line('CUDA0', null, 2, 3)], instances);
    expect(over).toMatchObject({ totalBytes: 3 * GIB, othersBytes: 0, freeBytes: 0 });
  });

  test('what lies on a device that is not listed is shown with main memory', () => {
    const [host] = memoryOf([line('Host', 32, 20, 0)], [instance('a', { reservedBytes: { CPU_Mapped: GIB } })]);
    expect(host?.holdings).toEqual([{ modelId: 'a', bytes: GIB, series: 1 }]);
  });

  test('ten models have colours, and what is in use is that of the GPUs where there are some', () => {
    const ten = Array.from({ length: 10 }, (_, index) => ({ modelId: `m${index}` }));
    expect([...seriesOf(ten).values()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2]);
    expect(usedOf([line('CUDA0', 8, 6, 3), line('Host', 32, 20, 1)])).toEqual({
      usedBytes: 3 * GIB,
      budgetBytes: 6 * GIB,
    });
    expect(usedOf([line('Host', 32, 20, 1)])).toEqual({ usedBytes: GIB, budgetBytes: 20 * GIB });
  });

  test('the GPU behind a device, by name and place; never a guess', () => {
    const gpu = (index: number, name: string) => ({
      index,
      vendor: 'nvidia' as const,
      uuid: null,
      name,
      usedBytes: index,
      totalBytes: null,
      busyRatio: null,
      temperatureC: null,
      powerWatts: null,
    });
    const twins = [
      { id: 'CUDA0', name: 'RTX 4090' },
      { id: 'CUDA1', name: 'RTX 4090' },
    ];
    const cards = [gpu(0, 'NVIDIA RTX 4090'), gpu(1, 'NVIDIA RTX 4090')];
    expect(gpuOf('CUDA1', twins, cards)?.index).toBe(1);
    expect(gpuOf('CUDA0', [{ id: 'CUDA0', name: 'Other' }], [gpu(0, 'NVIDIA RTX 4090')])?.index).toBe(0);
    expect(gpuOf('Vulkan0', [{ id: 'Vulkan0', name: 'Other' }], cards)).toBeNull();
    expect(gpuOf('Host', twins, cards)).toBeNull();
  });
});

describe('the sentence at the top', () => {
  const engine = { id: 'e' } as never;
  const say = (parts: Partial<Parameters<typeof headlineOf>[0]>) =>
    headlineOf({
      status: { engine, engineFailure: null, budget: [line('CUDA0', 8, 8, 3)] },
      instances: [],
      usableCount: 3,
      findings: [],
      visit: undefined,
      ...parts,
    });

  test.each([
    [
      'two loaded',
      { instances: [instance('a'), instance('b')] },
      'Ready. 2 models loaded, 3.0 GiB of 8.0 GiB in use.',
      'ok',
    ],
    ['none loaded', {}, 'Ready. Nothing is loaded; 3 models to choose from.', 'ok'],
    ['one loads', { instances: [instance('a', { state: 'starting' })] }, 'Ready. Loading a.', 'accent'],
    ['one failed', { instances: [instance('a', { state: 'failed' })] }, '1 model could not be loaded.', 'bad'],
    ['no model', { usableCount: 0 }, 'The engine is ready. There is no model yet.', 'warn'],
    ['nothing known', { status: undefined }, 'Asking the server…', 'neutral'],
    [
      'no engine',
      { status: { engine: null, engineFailure: 'none fits', budget: [] } },
      'There is no engine: none fits',
      'bad',
    ],
  ] as const)('%s', (_, parts, text, tone) => {
    const said = say(parts as never);
    expect(said.text).toStartWith(text);
    expect(said.tone).toBe(tone);
  });
});

test('findings are sorted, and each knows its way out', () => {
  const finding = (id: Finding['id'], severity: Finding['severity'], more: Partial<Finding> = {}): Finding => ({
    id,
    severity,
    topic: 't',
    message: 'm',
    hint: null,
    subject: null,
    evidence: [],
    command: null,
    fix: null,
    ...more,
  });
  const all = [
    finding('hardware', 'ok'),
    finding('disk-low', 'warning'),
    finding('models-unread', 'error'),
    finding('hardware-unread', 'note'),
  ];
  const { wrong, notes, fine } = sortedFindings(all);
  expect([wrong.map(({ id }) => id), notes.length, fine.length]).toEqual([['models-unread', 'disk-low'], 1, 1]);
  expect(commandOf({ command: 'drover run', hint: 'Or "drover pull x".' })).toBe('drover run');
  expect(commandOf({ command: null, hint: 'Then try "drover engine update".' })).toBe('drover engine update');
  expect(commandOf({ command: null, hint: 'Say "please".' })).toBeNull();
  expect(canMend([finding('leftovers', 'note')])).toBe(false);
  expect(canMend([finding('leftovers', 'note', { fix: 'remove' })])).toBe(true);
  expect(placeFor(finding('engine-none', 'warning'))?.to).toBe('/setup');
  expect(placeFor(finding('model-broken', 'warning', { subject: 'a/b c' }))?.to).toBe('/models/a%2Fb%20c');
  expect(placeFor(finding('disk-low', 'warning'))).toBeNull();
});

test('when a model leaves: not while it works, not when pinned, never without a limit', () => {
  const ttl = { ttlMs: 60_000, lastUsedAt: 5000 };
  expect(idleLeftMs(instance('a', ttl), 15_000)).toBe(50_000);
  expect(idleLeftMs(instance('a', { ttlMs: 60_000 }), 2000)).toBe(59_000);
  expect(idleLeftMs(instance('a', ttl), 900_000)).toBe(0);
  for (const busy of [
    { requestsInFlight: 1 },
    { requestsQueued: 1 },
    { isPinned: true },
    { state: 'starting' as const },
    { ttlMs: null },
  ]) {
    expect(idleLeftMs(instance('a', { ...ttl, ...busy }), 15_000)).toBeNull();
  }
});

test('those at work: failed ones first; a failure has its reason and the ways out', () => {
  const all = [instance('z'), instance('b', { state: 'failed' }), instance('x', { state: 'stopped' }), instance('a')];
  expect(atWork(all).map(({ modelId }) => modelId)).toEqual(['b', 'a', 'z']);
  const verdict = { outcome: 'failed', findings: [{ message: 'no memory', hint: 'Take less context.' }] } as never;
  expect(failureOf({ failure: null, verdict })).toEqual({ reason: 'no memory', hints: ['Take less context.'] });
  expect(failureOf({ failure: 'it ended', verdict: null })).toEqual({ reason: 'it ended', hints: [] });
});
