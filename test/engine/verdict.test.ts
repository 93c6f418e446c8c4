import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchPlan } from '../../src/engine/command.ts';
import {
  bufferTotal,
  deviceOfBuffer,
  explainFailure,
  type JudgeInput,
  judge,
  judgeFailure,
  type LoadFacts,
  LoadReader,
  type PlannedTake,
} from '../../src/engine/verdict.ts';

// Logs of a real llama-server (0.7.0, build 11669) on the CPU and on llvmpipe, at -lv 4, with paths shortened.
const LOGS = join(import.meta.dir, '../fixtures/engine-logs');
const MIB = 1024 * 1024;

const linesOf = (name: string): string[] => readFileSync(join(LOGS, `${name}.txt`), 'utf8').split('\n');
function read(lines: readonly string[]): LoadFacts {
  const reader = new LoadReader();
  for (const line of lines) reader.push(line);
  return reader.result();
}
const factsOf = (name: string): LoadFacts => read(linesOf(name));
const mib = (bytes: number | undefined): number => Math.round(((bytes ?? -1) / MIB) * 100) / 100;

const PLAN: LaunchPlan = {
  gpuLayers: 3,
  contextTokens: 4096,
  slotCount: 4,
  isKvUnified: true,
  cacheTypeK: 'f16',
  cacheTypeV: 'f16',
  batchTokens: 2048,
  microBatchTokens: 512,
  flashAttention: 'auto',
  devices: ['Vulkan0'],
  tensorSplit: null,
  cpuExpertLayers: 0,
  promptCacheBytes: 0,
  contextCheckpoints: null,
  threads: null,
  isProjectorOffloaded: false,
};
const take = (device: string, weight: number, kv: number, compute: number): PlannedTake => ({
  device,
  weightBytes: weight * MIB,
  kvBytes: kv * MIB,
  computeBytes: compute * MIB,
  overheadBytes: 100 * MIB,
  totalBytes: (weight + kv + compute + 100) * MIB,
});
const TAKES = [take('Vulkan0', 0.5, 2, 8), take('Host', 0.25, 0, 8)];
const verdict = (facts: LoadFacts, more: Partial<JudgeInput> = {}, plan: Partial<LaunchPlan> = {}) =>
  judge({ plan: { ...PLAN, ...plan }, takes: TAKES, facts, loadMs: 35, ...more });
const CPU = { devices: [], gpuLayers: 0 } as const;

describe('what a log says', () => {
  test('on the CPU', () => {
    const facts = factsOf('cpu');
    expect(facts).toMatchObject({
      contextTokens: 4096,
      contextTokensPerSlot: 4096,
      trainedContextTokens: 4096,
      slotCount: 4,
      cacheTypeK: 'f16',
      cacheTypeV: 'f16',
      hasFlashAttention: true,
      hasChatTemplate: true,
      canThink: false,
      devices: [],
      errors: [],
    });
    expect(Object.keys(facts.buffers)).toEqual(['Host']);
    const { Host } = facts.buffers;
    expect([Host?.modelBytes, Host?.mappedBytes, Host?.kvBytes, Host?.outputBytes].map(mib)).toEqual([
      0.55, 0.55, 2, 0.01,
    ]);
    expect(mib(Host?.computeBytes)).toBe(5.14);
  });

  test('on a GPU, partly, and on two', () => {
    const whole = factsOf('gpu');
    expect(whole).toMatchObject({ layersOffloaded: 3, layersTotal: 3, hasFlashAttention: true });
    expect(whole.devices[0]).toMatchObject({ id: 'Vulkan0', name: expect.stringContaining('llvmpipe') });
    expect(whole.devices[0]?.freeBytes).toBeGreaterThan(1024 * MIB);
    expect([whole.buffers.Vulkan0?.modelBytes, whole.buffers.Vulkan0?.kvBytes].map(mib)).toEqual([0.43, 2]);
    const partly = factsOf('gpu-partly');
    expect(partly).toMatchObject({ layersOffloaded: 2, layersTotal: 3 });
    expect([partly.buffers.Host?.kvBytes, partly.buffers.Vulkan0?.kvBytes].map(mib)).toEqual([1, 1]);
    const two = factsOf('gpu-two');
    expect(two.devices.map((device) => device.id)).toEqual(['Vulkan0', 'Vulkan1']);
    expect(two).toMatchObject({ cacheTypeK: 'q8_0', cacheTypeV: 'q8_0', slotCount: 1 });
    expect([two.buffers.Vulkan0?.kvBytes, two.buffers.Vulkan1?.kvBytes].map(mib)).toEqual([4.25, 4.25]);
    expect(Object.keys(two.unaccountedBytes)).toEqual(['Vulkan0', 'Vulkan1']);
  });

  test('two caches of one context add up', () => {
    const { buffers } = factsOf('cpu-sliding-window');
    // One full layer of 8192 cells and five of 1536, K and V of 128 elements each in f16.
    expect(buffers.Host?.kvBytes).toBe((8192 + 5 * 1536) * 128 * 2 * 2);
  });

  test('a draft model adds up with its model, whose context is told', () => {
    const facts = factsOf('cpu-draft');
    expect(facts).toMatchObject({ contextTokens: 1024, layersTotal: 3, slotCount: 1 });
    expect(mib(facts.buffers.Host?.modelBytes)).toBeGreaterThan(10);
    // 1024 cells × (2 blocks of 64 + 4 blocks of 256) × K and V in f16.
    expect(facts.buffers.Host?.kvBytes).toBe(1024 * (2 * 64 + 4 * 256) * 2 * 2);
  });

  test('an encoder has no cache', () => {
    expect(factsOf('cpu-embedding').buffers.Host?.kvBytes).toBe(0);
    expect(factsOf('cpu-embedding').cacheTypeK).toBeNull();
  });

  test('a load that is repeated counts once, with its last figures', () => {
    const lines = linesOf('gpu');
    expect(read([...lines, ...lines]).buffers).toEqual(factsOf('gpu').buffers);
    const smaller = lines.map((line) => line.replace('KV buffer size =     2.00', 'KV buffer size =     8.00'));
    expect(read([...smaller, ...lines]).buffers).toEqual(factsOf('gpu').buffers);
  });

  test('projector, adapter and recurrent state', () => {
    const facts = read([
      'llama_model_loader: loaded meta data with 1 key-value pairs and 2 tensors from /m/a (v2).gguf (version GGUF V3 (latest))',
      'load_tensors: loading model tensors, this can take a while... (load_mode = mmap)',
      'load_tensors:        CUDA0 model buffer size =  100.00 MiB',
      'clip_ctx: CLIP using CUDA0 backend',
      'load_hparams: model size:         30.00 MiB',
      'alloc_compute_meta:      CUDA0 compute buffer size =    7.00 MiB',
      'clip_ctx: CLIP using CUDA0 backend',
      'load_hparams: model size:         40.00 MiB',
      'alloc_compute_meta:      CUDA0 compute buffer size =    9.00 MiB',
      'llama_model_loader: loaded meta data with 1 key-value pairs and 2 tensors from /m/a (v2).gguf (version GGUF V3 (latest))',
      'llama_adapter_lora_init:      CUDA0 LoRA buffer size =     3.00 MiB',
      'llama_context: constructing llama_context',
      'llama_memory_recurrent:      CUDA0 RS buffer size =    5.00 MiB',
      'sched_reserve:      CUDA0 compute buffer size =    50.00 MiB',
      'sched_reserve:      CUDA0 compute buffer size =    20.00 MiB',
    ]);
    const { CUDA0 } = facts.buffers;
    expect([CUDA0?.modelBytes, CUDA0?.kvBytes, CUDA0?.computeBytes].map(mib)).toEqual([143, 5, 29]);
    expect(CUDA0 === undefined ? 0 : mib(bufferTotal(CUDA0))).toBe(177);
  });

  test('names of buffers', () => {
    const names = [
      'CPU',
      'CPU_Mapped',
      'CPU_REPACK',
      'Vulkan_Host',
      'CUDA_Host',
      'BLAS',
      'AMX',
      'CUDA0',
      'CUDA1_Split',
      'MTL0_Private',
      'MTL0_Mapped',
      'ROCm0',
    ];
    expect(names.map(deviceOfBuffer)).toEqual([
      'Host',
      'Host',
      'Host',
      'Host',
      'Host',
      'Host',
      'Host',
      'CUDA0',
      'CUDA1',
      'MTL0',
      'MTL0',
      'ROCm0',
    ]);
  });

  test('anything else is no fact, however it looks', () => {
    const facts = read([
      '',
      'x'.repeat(1_000_000),
      'load_tensors: \u0000 model buffer size = NaN MiB',
      ': buffer size',
      '🦙 KV buffer size = 1.00 MiB',
      'load_tensors: CUDA0 model buffer size = 1e999 MiB',
    ]);
    expect(facts.buffers).toEqual({});
    expect(facts.contextTokens).toBeNull();
    const many = read(Array.from({ length: 1000 }, (_, index) => `0.00.000.001 E something: error ${index}`));
    expect(many.errors.length).toBeLessThan(20);
  });
});

describe('the verdict', () => {
  test('as planned on the GPU', () => {
    const done = verdict(factsOf('gpu'));
    expect(done.findings).toEqual([]);
    expect(done).toMatchObject({
      outcome: 'as_planned',
      layersOnGpu: 3,
      layersTotal: 3,
      loadMs: 35,
      contextTokens: 4096,
      cacheTypeK: 'f16',
    });
    expect(done.predictedBytes).toEqual({ Vulkan0: 10.5 * MIB, Host: 8.25 * MIB });
  });

  test('a build without a GPU says that it offloaded all layers, and is not believed', () => {
    const facts = factsOf('cpu-claims-gpu');
    expect(facts).toMatchObject({ layersOffloaded: 3, layersTotal: 3 });
    const done = verdict(facts);
    expect(done).toMatchObject({ outcome: 'degraded', layersOnGpu: 0 });
    expect(done.findings[0]?.message).toContain('lies in main memory and runs on the CPU');
    expect(done.findings[0]?.hint).toContain('drover doctor');
    expect(verdict(facts, { takes: [take('Host', 0.6, 2, 8)] }, CPU)).toMatchObject({
      outcome: 'as_planned',
      layersOnGpu: 0,
      findings: [],
    });
  });

  test('every departure is a finding with a way out', () => {
    const facts = factsOf('gpu');
    const departures: readonly [ReturnType<typeof verdict>, string][] = [
      [verdict(factsOf('gpu-partly')), '2 layers lie on the GPU; 3 were planned'],
      [verdict(facts, {}, { devices: ['Vulkan0', 'Vulkan1'] }), 'Vulkan1 was to hold a part'],
      [verdict(facts, {}, CPU), 'holds a part of the model that was planned elsewhere'],
      [verdict(facts, {}, { contextTokens: 8192 }), 'The context is 4096 tokens; 8192 were planned'],
      [verdict(facts, {}, { slotCount: 1 }), '4 slots'],
      [verdict(facts, {}, { cacheTypeK: 'q8_0' }), 'The K cache is f16; q8_0 was planned'],
      [verdict({ ...facts, hasFlashAttention: false }), 'Flash attention is off'],
      [verdict(read([])), 'did not say where'],
    ];
    for (const [done, words] of departures) {
      expect(done.outcome).toBe('degraded');
      expect(done.findings.map((finding) => finding.message).join(' ')).toContain(words);
      for (const finding of done.findings) expect(finding.hint).toBeTruthy();
    }
  });

  test('memory above the prediction by more than a tenth and 100 MiB', () => {
    const facts = factsOf('gpu');
    const { Vulkan0 } = facts.buffers;
    const heavy = (extra: number): LoadFacts => ({
      ...facts,
      buffers: {
        ...facts.buffers,
        ...(Vulkan0 === undefined ? {} : { Vulkan0: { ...Vulkan0, computeBytes: Vulkan0.computeBytes + extra * MIB } }),
      },
    });
    expect(verdict(heavy(99)).outcome).toBe('as_planned');
    const done = verdict(heavy(120));
    expect(done.outcome).toBe('degraded');
    expect(done.findings[0]?.message).toMatch(/Vulkan0 holds \d+ MiB; 11 MiB were predicted/);
  });

  test('a mapping of the file that spans what lies on the GPU is no memory', () => {
    const facts = factsOf('gpu');
    const { Host } = facts.buffers;
    if (Host === undefined) throw new Error('no host buffers');
    const spanning = {
      ...facts,
      buffers: { ...facts.buffers, Host: { ...Host, modelBytes: 5000 * MIB, mappedBytes: 5000 * MIB } },
    };
    expect(verdict(spanning).outcome).toBe('as_planned');
  });

  test('a failed load', () => {
    const cause = explainFailure(linesOf('fails-cut-file')) ?? { message: '', hint: null };
    const done = judgeFailure({ takes: TAKES, facts: factsOf('fails-cut-file'), loadMs: null }, cause);
    expect(done).toMatchObject({ outcome: 'failed', layersOnGpu: null, measuredBytes: null });
    expect(done.findings).toEqual([cause]);
  });
});

describe('why a load failed', () => {
  const causes: Readonly<Record<string, string>> = {
    'fails-cache-type': 'heads do not allow a q8_0 cache',
    'fails-cut-file': 'ends too early',
    'fails-device': 'does not find the device CUDA0',
    'fails-flag': 'refuses an option: --frobnicate',
    'fails-memory': 'Memory ran out',
    'fails-missing-tensor': 'lacks the tensor blk.2.attn_norm.weight',
    'fails-no-file': '/models/none.gguf cannot be opened',
    'fails-not-gguf': 'not a GGUF',
    'fails-projector': 'projector (mmproj) cannot be loaded',
    'fails-unknown-architecture': 'architecture "llama9"',
  };

  test('every recorded failure has a cause and a way out', () => {
    const recorded = readdirSync(LOGS).filter((name) => name.startsWith('fails-'));
    expect(recorded.map((name) => name.replace('.txt', '')).sort()).toEqual(Object.keys(causes).sort());
    for (const [name, words] of Object.entries(causes)) {
      const cause = explainFailure(linesOf(name));
      expect(`${name}: ${cause?.message}`).toContain(words);
      expect(cause?.hint).toBeTruthy();
      expect(cause?.isOutOfMemory).toBe(name === 'fails-memory');
    }
  });

  test('lines of GPUs that are not here', () => {
    const cases: readonly [string, string, boolean][] = [
      [
        'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 8192.00 MiB on device 0: cudaMalloc failed: out of memory',
        'Memory ran out',
        true,
      ],
      ['ggml_vulkan: Device memory allocation of size 1073741824 failed.', 'Memory ran out', true],
      ['llama_kv_cache: failed to allocate buffer for kv cache', 'Memory ran out', true],
      ['CUDA error: device kernel image is invalid', 'driver does not suit', false],
      [
        'llama_init_from_model: failed to initialize the context: quantized V cache was requested, but this requires Flash Attention',
        'needs flash attention',
        false,
      ],
      [
        'srv    load_model: mismatch between text model (n_embd = 64) and mmproj (n_embd = 128)',
        'belongs to another model',
        false,
      ],
      [
        "llama_model_load: error loading model: error loading model vocabulary: unknown pre-tokenizer type: 'new'",
        'tokenizer "new"',
        false,
      ],
      [
        '/opt/e/llama-server: error while loading shared libraries: libcudart.so.12: cannot open shared object file',
        'libcudart.so.12',
        false,
      ],
    ];
    for (const [line, words, isOutOfMemory] of cases) {
      const cause = explainFailure(['0.00.012.345 I all is well', `0.00.012.346 E ${line}`]);
      expect(`${line}: ${cause?.message}`).toContain(words);
      expect(cause?.isOutOfMemory).toBe(isOutOfMemory);
    }
  });

  test('a load that did not fail has no cause', () => {
    for (const name of ['cpu', 'gpu', 'gpu-two', 'cpu-embedding', 'cpu-draft', 'cpu-sliding-window']) {
      expect(explainFailure(linesOf(name))).toBeNull();
    }
    expect(explainFailure([])).toBeNull();
    expect(explainFailure(['x'.repeat(10_000_000)])).toBeNull();
  });
});
