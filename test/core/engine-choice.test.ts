import { expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import { Fault } from '../../src/base/fault.ts';
import { Log } from '../../src/base/log.ts';
import { Latch } from '../../src/base/sync.ts';
import { EngineChoice } from '../../src/core/engine-choice.ts';
import type { EngineBuild } from '../../src/engine/build.ts';
import type { Engines } from '../../src/engine/install.ts';
import { probeHardware } from '../../src/hardware/probe.ts';

/** An installer that brings its build when the test says so. */
function slowChoice() {
  const arrival = new Latch<EngineBuild>();
  const engines = { current: () => null, ensure: () => arrival.promise } as unknown as Engines;
  const choice = new EngineChoice({
    engines,
    settings: { engine: 'auto', backend: 'auto', preferredBackend: 'auto', offline: true },
    hardware: () => probeHardware(),
    pathVariable: '',
    bus: new Bus(),
    log: new Log({ level: 'error' }),
  });
  return { arrival, choice };
}

const build: EngineBuild = {
  id: 'b1-cpu',
  version: '1',
  buildNumber: 1,
  backend: 'cpu',
  source: 'github',
  folder: '/x',
  launch: ['/x/llama-server'],
  environment: {},
  flags: new Set(),
  devices: [],
  proof: null,
};

test('a request waits for a slow download only as long as it may; the download goes on', async () => {
  const { arrival, choice } = slowChoice();
  const background = choice.ensure();
  const fault = await choice.ensure(undefined, 1).catch((thrown: unknown) => thrown);
  expect(fault).toBeInstanceOf(Fault);
  expect((fault as Fault).kind).toBe('unavailable');
  expect((fault as Fault).details.retryAfterSeconds).toBe(10);
  const patient = choice.ensure(new AbortController().signal, 60_000);
  arrival.open(build);
  expect((await background).id).toBe('b1-cpu');
  expect((await patient).id).toBe('b1-cpu');
});

test('a client that leaves ends only its own wait', async () => {
  const { arrival, choice } = slowChoice();
  const leaving = new AbortController();
  const left = choice.ensure(leaving.signal, 60_000).catch((thrown: unknown) => thrown);
  const staying = choice.ensure(undefined, 60_000);
  leaving.abort(new Fault('cancelled', 'gone'));
  expect(((await left) as Fault).kind).toBe('cancelled');
  arrival.open(build);
  expect((await staying).id).toBe('b1-cpu');
});

test('a preferred backend comes first where the machine has it, and changes nothing where not', async () => {
  const ladderWith = async (preferredBackend: 'cuda' | 'cpu' | 'vulkan') => {
    const choice = new EngineChoice({
      engines: { current: () => null } as unknown as Engines,
      settings: { engine: 'auto', backend: 'auto', preferredBackend, offline: true },
      hardware: async () => ({
        ...(await probeHardware()),
        system: { platform: 'linux', arch: 'x64', name: null, kernel: null, libc: null },
        gpus: [
          {
            ...{ index: 0, vendor: 'amd', name: 'Some card', totalBytes: 8e9, freeBytes: 8e9, isUnified: false },
            ...{ driverVersion: null, computeCapability: null, gfxTarget: 'gfx1100', pciAddress: null, uuid: null },
            source: 'sysfs',
          },
        ],
      }),
      pathVariable: '',
      bus: new Bus(),
      log: new Log({ level: 'error' }),
    });
    return (await choice.request()).ladder.filter((rung) => rung.isOffered).map((rung) => rung.backend);
  };
  const usual = await ladderWith('cuda');
  expect(usual[0]).toBe('rocm');
  expect(usual).not.toContain('cuda');
  expect((await ladderWith('vulkan'))[0]).toBe('vulkan');
  expect((await ladderWith('cpu'))[0]).toBe('cpu');
  expect((await ladderWith('cpu')).toSorted()).toEqual(usual.toSorted());
});
