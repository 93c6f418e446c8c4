import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/base/store.ts';
import { CORRECTION_MIGRATIONS, type CorrectionKey, Corrections } from '../../src/core/corrections.ts';
import { type Placement, type PlacementInput, type PlacementSettings, place } from '../../src/core/placement.ts';
import { argvFor } from '../../src/engine/command.ts';
import { environmentFor } from '../../src/engine/command-environment.ts';
import { parseFlags } from '../../src/engine/inspect.ts';
import { bufferTotal, type Judgement, judge, type LoadFacts, LoadReader } from '../../src/engine/verdict.ts';
import { readModelFacts } from '../../src/models/gguf-file.ts';
import { type TestEngine, testEngine } from '../fixtures/engine.ts';
import { llvmpipeEnvironment } from '../fixtures/engine-setup.ts';
import { type SparseShape, writeSparseModel } from '../fixtures/sparse-models.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

// A real llama-server loads what was placed, with the argv that we build: its buffers against the prediction.

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const MIDDLE: SparseShape = {
  ...{ architecture: 'llama', blockCount: 6, width: 1536, headCount: 12, headCountKv: 4, feedForward: 4096 },
  ...{ vocabulary: 32_000, contextTokens: 8192, weightType: 'Q8_0' },
};

let engine: TestEngine;
let folder: string;
let flags: ReadonlySet<string>;
beforeAll(async () => {
  engine = await testEngine();
  folder = mkdtempSync(join(tmpdir(), 'drover-load-'));
  const help = Bun.spawn([...engine.launch, '--help'], { stdout: 'pipe', stderr: 'ignore' });
  flags = parseFlags(await help.stdout.text());
  writeFileSync(join(folder, 'tiny.gguf'), tinyLlama());
  writeFileSync(join(folder, 'bert.gguf'), tinyBert());
  writeSparseModel(join(folder, 'middle.gguf'), MIDDLE);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Load {
  readonly input: PlacementInput;
  readonly placement: Placement;
  readonly facts: LoadFacts;
  readonly verdict: Judgement;
}

async function load(name: string, gpuCount: number, settings: PlacementSettings): Promise<Load> {
  const path = join(folder, name);
  const facts = readModelFacts(path);
  const input: PlacementInput = {
    facts,
    projector: null,
    devices: Array.from({ length: gpuCount }, (_, index) => ({
      id: `Vulkan${index}`,
      budgetBytes: (gpuCount > 1 ? 0.52 : 4) * GIB,
      isUnified: false,
      backend: 'vulkan',
    })),
    host: { budgetBytes: 4 * GIB },
    settings,
    correction: null,
  };
  const placement = place(input);
  if (placement.fit === 'does_not_fit') throw new Error(placement.reasons.join(' '));
  const argv = argvFor({
    flags,
    launch: engine.launch,
    plan: placement.plan,
    files: { model: path },
    kind: facts.kind === 'embedding' ? 'embedding' : 'text',
    userFlags: ['--no-warmup'],
    alias: 'a,b',
  });
  const extra =
    gpuCount === 0 ? [] : [llvmpipeEnvironment(), { GGML_VK_VISIBLE_DEVICES: gpuCount === 1 ? '0' : '0,0' }];
  const environment = environmentFor({ apiKey: 'secret', inherited: process.env, extra });
  expect(argv.join(' ')).not.toContain('secret');
  const child = Bun.spawn(argv, { env: environment, stdout: 'pipe', stderr: 'pipe', cwd: folder });
  const reader = new LoadReader();
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        reader.push(line);
        if (line.includes('listening on http://')) ready.resolve();
      }
    }
  };
  const ended = Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  try {
    await Promise.race([ready.promise, ended.then(() => Promise.reject(new Error(lines.slice(-20).join('\n'))))]);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  const loaded = reader.result();
  return {
    input,
    placement,
    facts: loaded,
    verdict: judge({ plan: placement.plan, takes: placement.takes, facts: loaded, loadMs: 1 }),
  };
}

/** Every device: predicted no less than measured, and no more than a tenth or 100 MiB above. */
function expectWithin(done: Load): void {
  expect(done.verdict.findings).toEqual([]);
  expect(done.verdict.outcome).toBe('as_planned');
  expect(Object.keys(done.facts.buffers).sort()).toEqual(done.placement.takes.map((take) => take.device).sort());
  for (const take of done.placement.takes) {
    const measured = done.verdict.measuredBytes?.[take.device] ?? 0;
    const predicted = take.totalBytes - take.overheadBytes;
    // The log rounds each buffer to a hundredth of a MiB.
    expect(predicted).toBeGreaterThanOrEqual(measured - 0.05 * MIB);
    expect(predicted).toBeLessThanOrEqual(measured + Math.max(measured / 10, 100 * MIB));
    const kv = done.facts.buffers[take.device]?.kvBytes ?? 0;
    expect(Math.abs(take.kvBytes - kv)).toBeLessThan(0.03 * MIB);
  }
}

test('a tiny model on the CPU', async () => {
  const done = await load('tiny.gguf', 0, {});
  expectWithin(done);
  expect(done.facts).toMatchObject({
    contextTokens: 4096,
    contextTokensPerSlot: 4096,
    slotCount: 4,
    cacheTypeK: 'f16',
    hasFlashAttention: true,
    hasChatTemplate: true,
  });
  expect(done.verdict).toMatchObject({ layersOnGpu: 0, layersTotal: 3 });
});

test('an encoder on the CPU', async () => {
  const done = await load('bert.gguf', 0, {});
  expectWithin(done);
  expect(done.facts.contextTokens).toBe(512);
});

test('a model of middle size on the CPU', async () => {
  expectWithin(await load('middle.gguf', 0, { cacheType: 'q8_0' }));
});

test('a model of middle size on a GPU, whole', async () => {
  const done = await load('middle.gguf', 1, { contextTokens: 8192 });
  expectWithin(done);
  expect(done.verdict).toMatchObject({ layersOnGpu: 7, layersTotal: 7, contextTokens: 8192 });
  expect(done.facts.devices.map((device) => device.id)).toEqual(['Vulkan0']);
});

test('partly on a GPU, and what it took is learnt', async () => {
  const done = await load('middle.gguf', 1, { contextTokens: 4096, gpuLayers: 3, slotCount: 1 });
  expectWithin(done);
  expect(done.verdict.layersOnGpu).toBe(3);

  using store = openStore(':memory:', CORRECTION_MIGRATIONS);
  const corrections = new Corrections(store);
  const { size, mtimeMs } = statSync(join(folder, 'middle.gguf'));
  const key: CorrectionKey = {
    file: { path: join(folder, 'middle.gguf'), sizeBytes: size, modifiedAt: mtimeMs },
    buildId: 'test',
    devices: ['Vulkan0'],
  };
  expect(corrections.of(key)).toBeNull();
  corrections.learn(key, done.placement.takes, done.facts);
  const again = place({ ...done.input, correction: corrections.of(key) });
  if (again.fit === 'does_not_fit') throw new Error(again.reasons.join(' '));
  for (const [index, take] of again.takes.entries()) {
    const before = done.placement.takes[index];
    const measured = done.verdict.measuredBytes?.[take.device] ?? 0;
    expect(take.totalBytes - take.overheadBytes).toBeGreaterThanOrEqual(measured);
    expect(take.totalBytes).toBeLessThanOrEqual((before?.totalBytes ?? 0) + 2 * MIB);
  }
  const gpu = done.facts.buffers.Vulkan0;
  expect(gpu === undefined ? 0 : bufferTotal(gpu)).toBeGreaterThan(50 * MIB);
});

test('over two GPUs, each with the layers that were given to it', async () => {
  const done = await load('middle.gguf', 2, { contextTokens: 2048, slotCount: 1, gpuLayers: 7 });
  expect(done.placement.plan.devices).toEqual(['Vulkan0', 'Vulkan1']);
  expectWithin(done);
});
