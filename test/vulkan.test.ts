// The whole way to a GPU on the compiled executable, with Mesa's Vulkan driver for the processor: install, prove, load,
// verdict; and what is said when the GPU is not what it was planned to be.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FitReport } from '../src/core/drover.ts';
import type { Instance, Verdict } from '../src/core/vocabulary.ts';
import type { EngineBuild } from '../src/engine/build.ts';
import { cleanEnvironment, cli, type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { llvmpipeEnvironment } from './fixtures/engine-setup.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const data = temporaryFolder('vulkan');
const models = temporaryFolder('vulkan-models');
const environment = cleanEnvironment(data.path, llvmpipeEnvironment());
const whole = join(models.path, 'whole.gguf');
const layered = join(models.path, 'layered.gguf');
const settings = { contextSize: 4096, cacheType: 'f16', parallel: 1 };

const configure = (vram: number | null = null): void =>
  writeFileSync(
    join(data.path, 'config.yaml'),
    JSON.stringify({
      ...(vram === null ? {} : { vram }),
      models: {
        whole: { file: whole },
        layered: { file: layered, ...settings },
        // The engine is told to leave the GPU alone, behind the plan's back.
        sent_to_cpu: { file: whole, flags: { device: 'none' } },
        without_driver: { file: whole, env: ['VK_DRIVER_FILES=/nowhere/icd.json'] },
      },
    }),
  );

let installed: EngineBuild;
let drover: RunningDrover;

beforeAll(async () => {
  writeFileSync(whole, tinyLlama({ name: 'Whole', blockCount: 4 }));
  writeFileSync(layered, tinyLlama({ name: 'Layered', blockCount: 8, width: 256, headCount: 8 }));
  configure();
  const run = await cli(['engine', 'install', (await testEngine()).folder, '--json'], environment);
  expect(run.exitCode).toBe(0);
  installed = JSON.parse(run.stdout) as EngineBuild;
  drover = await startDrover({
    engine: null,
    dataFolder: data.path,
    environment: llvmpipeEnvironment(),
    args: ['--backend', 'vulkan', '--offline'],
  });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  data[Symbol.dispose]();
  models[Symbol.dispose]();
});

const chat = (model: string): Promise<Response> =>
  drover.request('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'the water' }], max_tokens: 4 }),
  });
const instanceOf = async (model: string): Promise<Instance | undefined> =>
  (await drover.json<{ instances: Instance[] }>('/drover/instances')).instances.find(
    (instance) => instance.modelId === model,
  );
const verdictOf = async (model: string): Promise<Verdict> => {
  const verdict = (await instanceOf(model))?.verdict;
  if (verdict === null || verdict === undefined) throw new Error(`${model} has no verdict`);
  return verdict;
};
const fit = async (model: string): Promise<FitReport> =>
  JSON.parse((await drover.cli('fit', model, '--json')).stdout) as FitReport;

describe('an engine for Vulkan', () => {
  test('is proved on the device before it is used, and chosen for --backend vulkan', async () => {
    expect(installed.backend).toBe('vulkan');
    expect(installed.proof).toMatchObject({ isGood: true });
    expect(installed.proof?.bufferDevices).toContain('Vulkan0');
    expect(installed.proof?.tokensPerSecond).toBeGreaterThan(0);
    const { engine } = await drover.json<{ engine: EngineBuild }>('/drover/status');
    expect(engine.id).toBe(installed.id);
    expect((await drover.cli('engine', 'ls')).stdout).toMatch(/\* +\S+ .*vulkan.*Vulkan0/);
  });

  test('a model lies on the device with all its layers; verdict and `ps` say so', async () => {
    const response = await chat('whole');
    expect(response.status).toBe(200);
    await response.text();
    const verdict = await verdictOf('whole');
    expect(verdict).toMatchObject({ outcome: 'as_planned', layersOnGpu: 5, layersTotal: 5, findings: [] });
    const { measuredBytes, predictedBytes } = verdict;
    expect(measuredBytes?.Vulkan0).toBeGreaterThan(1e6);
    expect(measuredBytes?.Vulkan0 ?? Infinity).toBeLessThanOrEqual(predictedBytes?.Vulkan0 ?? 0);
    expect(measuredBytes?.Host ?? Infinity).toBeLessThanOrEqual(predictedBytes?.Host ?? 0);
    const ps = await drover.cli('ps');
    expect(ps.stdout).toMatch(/whole +ready .*Vulkan0 .*as planned: 5\/5 layers on GPU/);
  });

  test('too little memory on the device: as many layers as fit, and that is the plan', async () => {
    const full = await fit('layered');
    expect(full.fit).toBe('fits');
    const all = full.takesBytes.Vulkan0 ?? 0;
    await drover.json('/drover/models/load', { model: 'layered' });
    expect(await verdictOf('layered')).toMatchObject({ outcome: 'as_planned', layersOnGpu: 9, layersTotal: 9 });
    // A layer takes some 6 MB here; what does not depend on their number is far more.
    await drover.cli('stop', 'layered');
    configure((all - 20e6) / 1e9);
    drover.kill('SIGHUP');
    await drover.waitForLine(/configuration read again/);
    await drover.cli('stop', 'whole');
    const part = await fit('layered');
    expect(part.fit).toBe('fits_partly');
    expect(part.reasons[0]).toMatch(/^\d of 9 layers lie on Vulkan0, the others in main memory/);
    const response = await chat('layered');
    expect(response.status).toBe(200);
    await response.text();
    const verdict = await verdictOf('layered');
    expect(verdict.outcome).toBe('as_planned');
    expect(verdict.layersOnGpu).toBe(part.plan?.gpuLayers ?? -1);
    expect(verdict.layersOnGpu).toBeGreaterThan(0);
    expect(verdict.layersOnGpu).toBeLessThan(9);
    expect(verdict.measuredBytes?.Vulkan0 ?? Infinity).toBeLessThanOrEqual(verdict.predictedBytes?.Vulkan0 ?? 0);
    expect((await drover.cli('ps')).stdout).toMatch(/layered +ready .*\d\/9 layers on GPU/);
    const { budget } = await drover.json<{ budget: { device: string; budgetBytes: number; reservedBytes: number }[] }>(
      '/drover/status',
    );
    const device = budget.find((line) => line.device === 'Vulkan0');
    expect(device?.reservedBytes ?? Infinity).toBeLessThanOrEqual(device?.budgetBytes ?? 0);
    await drover.cli('stop', 'layered');
    configure();
  });
});

describe('never silently on the CPU', () => {
  test('a model that was planned for the device and lies in main memory is degraded, in words, with a way out', async () => {
    const response = await chat('sent_to_cpu');
    expect(response.status).toBe(200);
    await response.text();
    const verdict = await verdictOf('sent_to_cpu');
    expect(verdict.outcome).toBe('degraded');
    expect(verdict.layersOnGpu).toBe(0);
    expect(verdict.findings[0]?.message).toMatch(/planned for Vulkan0.*runs on the CPU/);
    expect(verdict.findings[0]?.hint).toMatch(/drover doctor/);
    const ps = await drover.cli('ps');
    expect(ps.stdout).toMatch(/sent_to_cpu +ready .*degraded: on the CPU/);
    expect(ps.stdout).toContain('planned for Vulkan0');
    expect(drover.log()).toMatch(/warn.*sent_to_cpu is loaded, but not as planned/);
  });

  test('a device that is gone when the model loads: the load fails with the cause, everywhere', async () => {
    const response = await chat('without_driver');
    expect(response.status).toBe(502);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toMatch(/Vulkan0/);
    const instance = await instanceOf('without_driver');
    expect(instance?.state).toBe('failed');
    expect(instance?.verdict?.outcome).toBe('failed');
    expect(instance?.verdict?.findings[0]?.message).toMatch(/device Vulkan0/);
    expect((await drover.cli('ps')).stdout).toMatch(/without_driver +failed/);
  });

  test('what was asked for counts: no GPU, no service for --backend vulkan; --backend cpu leaves the GPU alone', async () => {
    using other = temporaryFolder('vulkan-none');
    const hidden = { VK_DRIVER_FILES: '/nowhere/icd.json' };
    const run = await cli(
      ['engine', 'install', (await testEngine()).folder, '--json'],
      cleanEnvironment(other.path, hidden),
    );
    // Without a device it is what it can be: a build for the CPU, and says so.
    expect(JSON.parse(run.stdout)).toMatchObject({ backend: 'cpu', id: expect.stringContaining('cpu') });
    const start = (dataFolder: string, backend: string, more: Record<string, string>) =>
      startDrover({
        engine: null,
        dataFolder,
        modelsFolders: [models.path],
        environment: more,
        args: ['--backend', backend, '--offline'],
      });
    const body = JSON.stringify({ model: 'whole', prompt: 'the water', max_tokens: 4 });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    {
      await using wants = await start(other.path, 'vulkan', hidden);
      const response = await wants.request('/v1/completions', init);
      expect(response.status).toBe(503);
      expect(await response.text()).toContain('vulkan');
      expect((await wants.cli('status')).stdout).toMatch(/engine +No engine is installed/);
    }
    await drover[Symbol.asyncDispose]();
    await using leaves = await start(data.path, 'cpu', llvmpipeEnvironment());
    expect((await leaves.request('/v1/completions', init)).status).toBe(200);
    const { instances } = await leaves.json<{ instances: Instance[] }>('/drover/instances');
    expect(instances[0]?.verdict).toMatchObject({ outcome: 'as_planned', layersOnGpu: 0 });
    expect(Object.keys(instances[0]?.verdict?.measuredBytes ?? {})).toEqual(['Host']);
  });

  test('an engine that is given must be one for what was asked', async () => {
    using other = temporaryFolder('vulkan-given');
    await using wrong = await startDrover({
      dataFolder: other.path,
      environment: { VK_DRIVER_FILES: '/nowhere/icd.json' },
      args: ['--backend', 'vulkan'],
    });
    await wrong.waitForLine(/is one for cpu; vulkan was asked for/);
    const response = await wrong.request('/v1/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'drover-probe', prompt: 'x', max_tokens: 2 }),
    });
    expect(response.status).toBe(503);
  });
});
