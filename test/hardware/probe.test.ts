import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from '../../src/hardware/deadline.ts';
import { findTool, runTool } from '../../src/hardware/gpu-tool.ts';
import { probeHardware } from '../../src/hardware/probe.ts';
import { thisSystem } from '../../src/hardware/system.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const GIB = 2 ** 30;

test('this machine, in less than 300 ms', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-probe-'));
  try {
    const started = performance.now();
    const missing = join(folder, 'not', 'yet', 'made');
    const snapshot = await probeHardware({ diskPaths: [folder, missing] });
    const spentMs = performance.now() - started;
    expect(snapshot.system.platform).toBe(thisSystem.platform);
    expect(snapshot.cpu.usableThreads).toBeGreaterThan(0);
    expect(snapshot.memory.totalBytes).toBeGreaterThan(64 * 2 ** 20);
    expect(snapshot.memory.availableBytes).toBeGreaterThan(0);
    expect(snapshot.memory.availableBytes).toBeLessThanOrEqual(snapshot.memory.totalBytes);
    expect(snapshot.disks.map((disk) => disk.path)).toEqual([folder, missing]);
    expect(snapshot.disks[1]?.freeBytes).toBeGreaterThan(0);
    expect(snapshot.disks[1]?.totalBytes).toBe(snapshot.disks[0]?.totalBytes ?? 0);
    // A driver that keeps no GPU awake takes seconds to wake them; without GPUs there is no excuse.
    if (snapshot.gpus.length === 0) expect(spentMs).toBeLessThan(300);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('an aborted probe throws the signal’s reason and nothing else does', async () => {
  const reason = new Error('the user left');
  await expect(probeHardware({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const system = fixtureSystem('nvidia-smi-cards.machine', { tool: () => new Promise(() => undefined) });
  const probe = probeHardware({ system, signal: controller.signal });
  controller.abort(reason);
  await expect(probe).rejects.toBe(reason);
});

test('a reader that fails is a note; the others’ answers stay', async () => {
  const system = {
    ...fixtureSystem('amd-rx-7900-xtx.machine'),
    openLibrary: () => {
      throw new Error('the driver crashed');
    },
  };
  const snapshot = await probeHardware({ system });
  expect(snapshot.gpus.map((gpu) => gpu.vendor)).toEqual(['amd', 'amd']);
  expect(snapshot.system).toMatchObject({ platform: 'linux', name: null, libc: null });
  expect(snapshot.memory.totalBytes).toBe(65536000 * 1024);
  expect(snapshot.notes).toEqual([
    'Reading the operating system failed: the driver crashed',
    'Reading NVIDIA’s GPUs failed: the driver crashed',
  ]);
});

test('a reader that does not come back is given up', async () => {
  const never = new Promise<{ value: number; notes: string[] }>(() => undefined);
  expect(await within('the moon', { timeoutMs: 5 }, 7, () => never)).toEqual({
    value: 7,
    notes: ['Reading the moon took longer than 5 ms and was given up.'],
  });
});

test('a Mac as a whole', async () => {
  const snapshot = await probeHardware({ system: fixtureSystem('apple-m3-max.machine') });
  expect(snapshot).toMatchObject({
    system: { platform: 'darwin', arch: 'arm64', name: 'macOS 15.6', libc: null },
    cpu: { name: 'Apple M3 Max', physicalCores: 16, features: ['neon', 'fp16', 'dotprod', 'i8mm', 'bf16'] },
    memory: {
      totalBytes: 128 * GIB,
      availableBytes: (1200000 + 2800000 + 100000) * 16384,
      swapTotalBytes: 2 * GIB,
    },
    notes: [],
  });
  expect(snapshot.gpus).toHaveLength(1);
});

test('Windows as a whole: NVML’s cards are not listed a second time', async () => {
  const system = fixtureSystem('windows-hybrid.machine');
  expect((await probeHardware({ system })).gpus.map((gpu) => gpu.vendor)).toEqual(['intel', 'nvidia']);
  const withTool = {
    ...system,
    findTool: (name: string) => `C:\\Windows\\System32\\${name}`,
    run: (argv: readonly string[], options: Parameters<typeof system.run>[1]) =>
      argv[0]?.endsWith('nvidia-smi')
        ? Promise.resolve({
            outcome: 'exited' as const,
            exitCode: 0,
            stdout: '0, GPU-1, 00000000:01:00.0, 581.42, 16384, 15000, 8.6, NVIDIA GeForce RTX 3080 Ti Laptop GPU\r\n',
            stderr: '',
          })
        : system.run(argv, options),
  };
  const snapshot = await probeHardware({ system: withTool });
  expect(snapshot.gpus.map(({ vendor, source }) => [vendor, source])).toEqual([
    ['nvidia', 'nvidia-smi'],
    ['intel', 'cim'],
  ]);
  expect(snapshot.gpus[0]?.freeBytes).toBe(15000 * 2 ** 20);
});

test('a Jetson as a whole', async () => {
  const { cpu, gpus } = await probeHardware({ system: fixtureSystem('nvidia-jetson.machine') });
  expect(cpu).toEqual({
    name: 'NVIDIA Jetson AGX Orin Developer Kit',
    physicalCores: 2,
    usableThreads: 12,
    maxHz: 2_201_600_000,
    features: ['neon', 'fp16', 'dotprod'],
  });
  expect(gpus[0]?.isUnified).toBe(true);
});

test('WSL without NVIDIA’s driver explains what it cannot show', async () => {
  const system = { ...fixtureSystem('wsl.machine'), findTool: () => null };
  const { gpus, notes } = await probeHardware({ system });
  expect(gpus).toEqual([]);
  expect(notes.some((note) => note.startsWith('This is WSL'))).toBe(true);
});

test.skipIf(process.platform === 'win32')('tools: output, exit code, deadline, absence, cancel', async () => {
  const shell = findTool('sh', ['/nowhere/sh']);
  if (shell === null) throw new Error('no sh on PATH');
  expect(await runTool([shell, '-c', 'echo out; echo err >&2; exit 3'], { timeoutMs: 5000 })).toEqual({
    outcome: 'exited',
    exitCode: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  expect(await runTool([shell, '-c', 'exec sleep 60'], { timeoutMs: 50 })).toMatchObject({ outcome: 'timeout' });
  expect(await runTool(['/nowhere/tool'], { timeoutMs: 5000 })).toMatchObject({ outcome: 'failed', exitCode: null });
  const late = runTool([shell, '-c', 'exec sleep 60'], { timeoutMs: 60_000, signal: AbortSignal.timeout(20) });
  expect((await late).exitCode).not.toBe(0);
  const flood = await runTool([shell, '-c', 'yes'], { timeoutMs: 5000 });
  expect(flood.exitCode).not.toBe(0);
  expect(flood.stdout.length).toBeLessThan(4 << 20);
  expect(findTool('drover-no-such-tool', [])).toBeNull();
});
