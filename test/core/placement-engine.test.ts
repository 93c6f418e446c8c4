import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlacementInput, place } from '../../src/core/placement.ts';
import { layOut } from '../../src/core/placement-estimate.ts';
import { searchPlacement } from '../../src/core/placement-search.ts';
import { toolArgvFor } from '../../src/engine/command.ts';
import { readModelFacts } from '../../src/models/gguf-file.ts';
import { type TestEngine, testEngine } from '../fixtures/engine.ts';
import { llvmpipeEnvironment } from '../fixtures/engine-setup.ts';
import { type SparseShape, writeSparseModel } from '../fixtures/sparse-models.ts';

// What we predict against what the engine itself reckons for the same plan: device by device, weights, cache and work
// areas together. Never below, and above by no more than a tenth or 100 MiB.

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

// llvmpipe takes no tensor above 128 MiB onto its device; so these have small vocabularies, and few experts.
const dense = { architecture: 'llama', vocabulary: 512, contextTokens: 131_072, weightType: 'Q8_0' } as const;
const SHAPES: Readonly<Record<string, SparseShape>> = {
  '1B dense': { ...dense, blockCount: 16, width: 2048, headCount: 32, headCountKv: 8, feedForward: 8192 },
  '8B dense, Q4_K': {
    ...dense,
    weightType: 'Q4_K',
    blockCount: 32,
    width: 4096,
    headCount: 32,
    headCountKv: 8,
    feedForward: 14_336,
  },
  '7B without grouped heads': {
    ...dense,
    blockCount: 32,
    width: 4096,
    headCount: 32,
    headCountKv: 32,
    feedForward: 11_008,
  },
  '4B with wide heads, vocabulary': {
    ...dense,
    ...{ architecture: 'qwen3', blockCount: 36, width: 2560, headCount: 32, headCountKv: 8, headLength: 128 },
    ...{ feedForward: 9728, vocabulary: 32_000 },
  },
  '70B by width': {
    ...dense,
    weightType: 'Q4_K',
    blockCount: 12,
    width: 8192,
    headCount: 64,
    headCountKv: 8,
    feedForward: 28_672,
  },
  'many small experts': {
    ...dense,
    ...{ architecture: 'qwen3moe', weightType: 'Q4_K', blockCount: 24, width: 2048, headCount: 32, headCountKv: 4 },
    ...{ headLength: 128, feedForward: 6144, experts: { count: 64, used: 8, feedForward: 768 } },
  },
  'few large experts': {
    ...dense,
    ...{ weightType: 'Q4_K', blockCount: 8, width: 4096, headCount: 32, headCountKv: 8, feedForward: 14_336 },
    experts: { count: 4, used: 2, feedForward: 14_336 },
  },
  'sliding window, wide heads': {
    ...dense,
    ...{ architecture: 'gemma3', blockCount: 24, width: 3840, headCount: 16, headCountKv: 8, headLength: 256 },
    ...{ feedForward: 15_360, slidingWindow: 1024 },
  },
  'sliding window, experts, sinks': {
    ...dense,
    ...{ architecture: 'gpt-oss', blockCount: 12, width: 2816, headCount: 64, headCountKv: 8, headLength: 64 },
    ...{ feedForward: 2816, slidingWindow: 128, experts: { count: 8, used: 4, feedForward: 2816 } },
  },
  'latent attention': {
    ...dense,
    ...{ architecture: 'deepseek2', blockCount: 8, width: 5120, headCount: 32, headCountKv: 1, feedForward: 12_288 },
    experts: { count: 16, used: 6, feedForward: 1536 },
  },
  recurrent: {
    ...dense,
    architecture: 'mamba2',
    blockCount: 48,
    width: 2560,
    headCount: 0,
    headCountKv: 0,
    feedForward: 0,
  },
  'recurrent and attention, experts': {
    ...dense,
    ...{ architecture: 'qwen3next', weightType: 'Q4_K', blockCount: 12, width: 2048, headCount: 16, headCountKv: 2 },
    ...{ headLength: 256, feedForward: 5120, experts: { count: 64, used: 10, feedForward: 512 } },
  },
  encoder: {
    ...dense,
    architecture: 'bert',
    blockCount: 24,
    width: 1024,
    headCount: 16,
    headCountKv: 16,
    feedForward: 4096,
    contextTokens: 512,
  },
};

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  engine = await testEngine();
  folder = mkdtempSync(join(tmpdir(), 'drover-placement-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly shape: string;
  /** GPUs with their budgets. */
  readonly gpuGib: readonly number[];
  readonly contextTokens: number;
  readonly settings?: PlacementInput['settings'];
  /** What the plan must be for the case to mean something. */
  readonly expected: 'cpu' | 'whole' | 'split' | 'layers' | 'experts';
}

const CASES: readonly Case[] = [
  ...Object.keys(SHAPES).map((shape): Case => ({ shape, gpuGib: [], contextTokens: 4096, expected: 'cpu' })),
  ...Object.keys(SHAPES).map((shape): Case => ({ shape, gpuGib: [40], contextTokens: 16_384, expected: 'whole' })),
  { shape: '8B dense, Q4_K', gpuGib: [4], contextTokens: 8192, expected: 'layers' },
  { shape: '7B without grouped heads', gpuGib: [6], contextTokens: 8192, expected: 'layers' },
  { shape: 'sliding window, wide heads', gpuGib: [3], contextTokens: 8192, expected: 'layers' },
  { shape: 'recurrent', gpuGib: [1.5], contextTokens: 8192, expected: 'layers' },
  { shape: 'many small experts', gpuGib: [3], contextTokens: 8192, expected: 'experts' },
  { shape: 'few large experts', gpuGib: [3], contextTokens: 8192, expected: 'experts' },
  { shape: 'recurrent and attention, experts', gpuGib: [1.6], contextTokens: 8192, expected: 'experts' },
  { shape: '8B dense, Q4_K', gpuGib: [4, 4], contextTokens: 8192, expected: 'split' },
  { shape: '70B by width', gpuGib: [4.5, 3], contextTokens: 8192, expected: 'split' },
  {
    shape: '1B dense',
    gpuGib: [40],
    contextTokens: 32_768,
    settings: { cacheType: 'q8_0', microBatchTokens: 1024 },
    expected: 'whole',
  },
];

async function compare(example: Case): Promise<string[]> {
  const shape = SHAPES[example.shape];
  if (shape === undefined) throw new Error(`no shape ${example.shape}`);
  const path = join(folder, `${Bun.hash(JSON.stringify(example))}.gguf`);
  writeSparseModel(path, shape);
  const facts = readModelFacts(path);
  const input: PlacementInput = {
    facts,
    projector: null,
    devices: example.gpuGib.map((gib, index) => ({
      id: `Vulkan${index}`,
      budgetBytes: gib * GIB,
      isUnified: false,
      backend: 'vulkan',
    })),
    host: { budgetBytes: 64 * GIB },
    settings: {
      slotCount: 1,
      contextTokens: Math.min(example.contextTokens, shape.contextTokens),
      ...example.settings,
    },
    correction: null,
  };
  const answer = place(input);
  const found = searchPlacement(input);
  if (answer.fit === 'does_not_fit' || found === null) throw new Error(answer.reasons.join(' '));
  const { plan } = answer;
  const isWhole = plan.gpuLayers > facts.blockCount && plan.cpuExpertLayers === 0;
  const real =
    plan.devices.length === 0
      ? 'cpu'
      : plan.cpuExpertLayers > 0
        ? 'experts'
        : !isWhole
          ? 'layers'
          : plan.devices.length > 1
            ? 'split'
            : 'whole';
  expect(`${example.shape}: ${real}`).toBe(`${example.shape}: ${example.expected}`);
  // The tool reserves logits for the whole batch, a server only one row per slot.
  const layout = layOut(
    { ...input, devices: input.devices.map((device) => ({ ...device, budgetBytes: device.budgetBytes + 64 * MIB })) },
    { ...found.candidate, outputTokens: plan.microBatchTokens },
  );
  if (layout === null) throw new Error('it was placed, but cannot be laid out');
  const counts = layout.layersPerDevice;
  const flags = new Set([
    '-np',
    '-b',
    '-ub',
    '-fa',
    '--fit',
    '-ctk',
    '-ctv',
    '-dev',
    '-sm',
    '-ts',
    '-ncmoe',
    '-ngl',
    '-c',
    '-m',
    '-kvu',
  ]);
  const argv = toolArgvFor({
    flags,
    launch: engine.launch,
    plan: counts.length > 1 ? { ...plan, tensorSplit: counts } : plan,
    files: { model: path },
  });
  const rows = await estimate([...argv, '--no-repack'], example.gpuGib.length);
  rmSync(path);
  const wrong: string[] = [];
  for (const [device, row] of rows) {
    const take = layout.takes.find((part) => part.device === device);
    const ours = take === undefined ? 0 : (take.totalBytes - take.overheadBytes) / MIB;
    // Three figures, each cut to whole MiB.
    const [least, most] = [row.total, row.total + 3];
    const kv = (take?.kvBytes ?? 0) / MIB;
    if (Math.floor(kv + 0.01) !== row.context)
      wrong.push(`${example.shape} ${example.expected} ${device}: cache ${kv}, the engine says ${row.context} MiB`);
    if (ours < least || ours > most + Math.max(100, most / 10))
      wrong.push(
        `${example.shape} ${example.expected} ${device}: ${ours.toFixed(1)}, the engine says ${row.total} MiB`,
      );
  }
  return wrong;
}

async function estimate(
  argv: readonly string[],
  gpuCount: number,
): Promise<Map<string, { total: number; context: number }>> {
  const visible = Array.from({ length: Math.max(1, gpuCount) }, () => '0').join(',');
  const child = Bun.spawn([...argv], {
    env: { ...llvmpipeEnvironment(), GGML_VK_VISIBLE_DEVICES: visible, GGML_NO_BACKTRACE: '1' },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, log] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const rows = new Map<string, { total: number; context: number }>();
  for (const line of out.split('\n')) {
    const row = /^(\S+) (\d+) (\d+) (\d+)\s*$/.exec(line);
    if (row?.[1] !== undefined)
      rows.set(row[1], { total: Number(row[2]) + Number(row[3]) + Number(row[4]), context: Number(row[3]) });
  }
  if (rows.size === 0) throw new Error(log.slice(-2000));
  return rows;
}

test('predictions lie above the engine’s own estimate by no more than a tenth or 100 MiB', async () => {
  const wrong: string[] = [];
  const left = [...CASES];
  const work = async (): Promise<void> => {
    for (let example = left.shift(); example !== undefined; example = left.shift())
      wrong.push(...(await compare(example)));
  };
  await Promise.all([work(), work(), work()]);
  expect(wrong).toEqual([]);
});
