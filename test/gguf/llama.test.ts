// What the header means to us against what llama.cpp's own programs make of it: quantized, split and loaded for real.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LayerFacts, mergeShards } from '../../src/gguf/facts.ts';
import { readGgufHeader, readModelFacts } from '../../src/models/gguf-file.ts';
import { type TestEngine, testEngine } from '../fixtures/engine.ts';
import { encodeGguf, u32 } from '../fixtures/gguf-writer.ts';
import { RUNNABLE_SHAPES, runnableModel } from '../fixtures/runnable-shapes.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

let folder = '';
let engine: TestEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-gguf-'));
  engine = await testEngine();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { cwd: folder, env: engine.environment, stdout: 'ignore', stderr: 'pipe' });
  const [code, said] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${code}\n${said.slice(-2000)}`);
}

/** An importance matrix that finds all inputs equally important; the smallest quantizations ask for one. */
function importance(path: string): void {
  const header = readGgufHeader(path);
  const ones = (count: number): Uint8Array => new Uint8Array(new Float32Array(count).fill(1).buffer);
  const tensors = header.tensors
    .filter((tensor) => tensor.dimensions.length === 2)
    .flatMap((tensor) => [
      {
        name: `${tensor.name}.in_sum2`,
        dimensions: [tensor.dimensions[0] ?? 1, 1],
        data: ones(tensor.dimensions[0] ?? 1),
      },
      { name: `${tensor.name}.counts`, dimensions: [1, 1], data: ones(1) },
    ]);
  const metadata = {
    'general.type': { type: 'string', value: 'imatrix' },
    'imatrix.datasets': { type: 'array', of: 'string', value: ['none'] },
    'imatrix.chunk_count': u32(1),
    'imatrix.chunk_size': u32(512),
  } as const;
  writeFileSync(join(folder, 'imatrix.gguf'), encodeGguf(metadata, tensors));
}

const QUANTIZATIONS =
  'F32 F16 BF16 Q1_0 Q2_0 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q2_K_S Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4_MOE'.split(
    ' ',
  );

test('what llama-quantize makes (but the slowest types): its label, and every byte of its tensors', async () => {
  const source = join(folder, 'whole.gguf');
  writeFileSync(source, tinyLlama({ blockCount: 1, width: 256, headCount: 8, feedForward: 256 }));
  importance(source);
  expect(readModelFacts(join(folder, 'imatrix.gguf')).kind).toBe('imatrix');
  const waiting = [...QUANTIZATIONS];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const path = join(folder, `${name}.gguf`);
      await run([...engine.tool('llama-quantize'), '--imatrix', 'imatrix.gguf', source, path, name, '1']);
      const header = readGgufHeader(path);
      const facts = readModelFacts(path);
      const label = name === 'MXFP4_MOE' ? 'MXFP4' : name;
      expect([facts.quantization, facts.isQuantizationDerived]).toEqual([label, false]);
      // The writer pads the last tensor too, so our sum ends where the file does.
      expect(header.dataOffset + facts.weightBytes).toBe(statSync(path).size);
      expect(header.tensors.every((tensor) => !tensor.typeName.startsWith('TYPE_'))).toBe(true);
      rmSync(path);
    }
  };
  await Promise.all([work(), work()]);
});

test('a model that llama-gguf-split has split means what the whole one means', async () => {
  const source = join(folder, 'split-source.gguf');
  writeFileSync(source, tinyLlama({ blockCount: 3, headCountKv: 2 }));
  await run([...engine.tool('llama-gguf-split'), '--split', '--split-max-tensors', '8', source, join(folder, 'parts')]);
  const names = readdirSync(folder)
    .filter((name) => name.startsWith('parts-'))
    .sort();
  expect(names.length).toBe(4);
  const shards = names.map((name) => readModelFacts(join(folder, name)));
  const whole = readModelFacts(source);
  const merged = mergeShards(shards.toReversed());
  expect(merged).toEqual({
    ...whole,
    fileBytes: shards.reduce((sum, shard) => sum + shard.fileBytes, 0),
    split: { index: 0, count: 4 },
  });
  expect(() => mergeShards(shards.slice(1))).toThrow(/Part 1 of 4 is missing/);
});

interface Caches {
  readonly attention: readonly {
    readonly cells: number;
    readonly layers: number;
    readonly k: string;
    readonly v: string;
  }[];
  readonly state: string;
}

const MEBIBYTE = 1024 * 1024;
const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(2);

/** Starts llama-server on the model and reads from its log which caches it allocates. */
async function measuredCaches(path: string, contextTokens: number): Promise<Caches> {
  const child = Bun.spawn(
    [
      ...engine.launch,
      '-m',
      path,
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '-lv',
      '5',
      '--log-colors',
      'off',
      '--offline',
    ].concat(['--no-warmup', '--fit', 'off', '-np', '1', '-ub', '512', '-c', String(contextTokens)]),
    { cwd: folder, env: engine.environment, stdout: 'ignore', stderr: 'pipe' },
  );
  const decoder = new TextDecoder();
  let log = '';
  try {
    for await (const chunk of child.stderr) {
      log += decoder.decode(chunk, { stream: true });
      // The compute buffers come after all caches.
      if (/sched_reserve: .*compute buffer size/.test(log)) break;
    }
  } finally {
    child.kill('SIGKILL');
    await child.exited;
  }
  if (!log.includes('sched_reserve:')) throw new Error(`the engine did not load ${path}:\n${log.slice(-1500)}`);
  const attention = [
    ...log.matchAll(
      /llama_kv_cache: size = .*\( *(\d+) cells, *(\d+) layers.*K \(f16\): *([\d.]+) MiB, V \(f16\): *([\d.]+) MiB/g,
    ),
  ].map((match) => ({ cells: Number(match[1]), layers: Number(match[2]), k: match[3] ?? '', v: match[4] ?? '' }));
  const state = /llama_memory_recurrent: size = *([\d.]+) MiB/.exec(log)?.[1] ?? '0.00';
  return { attention, state };
}

/** The same from our facts, in F16, by the formulas that placement uses. */
function expectedCaches(layers: readonly LayerFacts[], contextTokens: number, windowTokens: number | null): Caches {
  const cache = (cells: number, members: readonly LayerFacts[]): Caches['attention'][number] => ({
    cells,
    layers: members.length,
    k: mebibytes(members.reduce((sum, layer) => sum + layer.keyElements * cells * 2, 0)),
    v: mebibytes(members.reduce((sum, layer) => sum + layer.valueElements * cells * 2, 0)),
  });
  const kept = layers.filter((layer) => layer.keyElements > 0);
  const whole = kept.filter((layer) => !layer.isSlidingWindow);
  const sliding = kept.filter((layer) => layer.isSlidingWindow);
  const attention: Caches['attention'][number][] = [];
  if (whole.length > 0) attention.push(cache(contextTokens, whole));
  if (sliding.length > 0) {
    attention.push(cache(Math.min(contextTokens, Math.ceil(((windowTokens ?? 0) + 512) / 256) * 256), sliding));
  }
  const state = layers.reduce((sum, layer) => sum + layer.recurrentElements * 4, 0);
  return { attention, state: mebibytes(state) };
}

describe('caches are allocated as we say', () => {
  test.each(RUNNABLE_SHAPES.map((shape) => [shape.architecture, shape] as const))('%s', async (architecture, shape) => {
    const path = join(folder, `${architecture}.gguf`);
    writeFileSync(path, runnableModel(shape));
    const facts = readModelFacts(path);
    const measured = await measuredCaches(path, 8192);
    expect(measured).toEqual(expectedCaches(facts.layers, 8192, facts.slidingWindowTokens));
    expect(measured.attention.length + Number(measured.state)).toBeGreaterThan(0);
  });
});
