// What our own API answers: the core's words, every field of them. Bytes, Hz, milliseconds, epoch milliseconds; what is
// unknown is null. Functions, made when somebody reads the document.
import { Type } from '@sinclair/typebox';
import type { CacheType } from '../../engine/command.ts';
import { epochMs, list, number, oneOf, orNull, text, whole, yes } from './schema-words.ts';

const bytesByDevice = (description: string) =>
  Type.Record(Type.String(), Type.Number(), { description: `${description} Bytes by device; Host is main memory.` });

const finding = () => Type.Object({ message: text(), hint: orNull(text('The way out.')) });

export const verdictAnswer = () =>
  Type.Object(
    {
      modelId: text(),
      at: epochMs(),
      outcome: oneOf(['as_planned', 'degraded', 'failed']),
      loadMs: orNull(number('From start to the first healthy answer.')),
      layersTotal: orNull(whole()),
      layersOnGpu: orNull(whole('By where the buffers are, not by what the engine says.')),
      measuredBytes: orNull(bytesByDevice('As the engine reported.')),
      predictedBytes: orNull(bytesByDevice('As planned.')),
      contextTokens: orNull(whole()),
      cacheTypeK: orNull(text()),
      cacheTypeV: orNull(text()),
      tokensPerSecond: orNull(number('From the first real answer.')),
      findings: list(finding(), { description: 'What is not as planned.' }),
    },
    { $id: 'Verdict', description: 'What a load really did, against what was planned.' },
  );

export const instanceAnswer = () =>
  Type.Object(
    {
      modelId: text(),
      state: oneOf(['stopped', 'starting', 'ready', 'stopping', 'failed']),
      since: epochMs(),
      pid: orNull(whole()),
      portNumber: orNull(whole()),
      requestsInFlight: whole(),
      requestsQueued: whole(),
      isPinned: yes('Never makes room for others.'),
      lastUsedAt: orNull(epochMs()),
      ttlMs: orNull(number('Idleness after which it stops; null: only when memory is needed.')),
      reservedBytes: bytesByDevice('What the plan reserves.'),
      verdict: orNull(verdictAnswer()),
      failure: orNull(text('Why it failed.')),
    },
    { $id: 'Instance', description: 'The one process of a model.' },
  );
export const instancesAnswer = () => Type.Object({ instances: list(instanceAnswer()) });
export const verdictsAnswer = () => Type.Object({ verdicts: list(verdictAnswer()) });

export const modelAnswer = () =>
  Type.Object(
    {
      id: text(),
      aliases: list(text()),
      title: text(),
      description: orNull(text()),
      isListed: yes('In GET /v1/models.'),
      kind: oneOf([
        'text',
        'embedding',
        'reranker',
        'projector',
        'adapter',
        'draft',
        'imatrix',
        'vocabulary',
        'unknown',
      ]),
      createdAt: epochMs(),
      path: orNull(text('Of the file, or the first of them.')),
      sizeBytes: orNull(number()),
      quantization: orNull(text()),
      parameterCount: orNull(number('Weights.')),
      contextTokens: orNull(whole('What it was trained for.')),
      hasVision: yes(),
      canUseTools: yes(),
      isCustom: yes('An entry with a `cmd`: some other server.'),
      failure: orNull(text('Why it cannot be used.')),
      instance: orNull(instanceAnswer()),
    },
    { $id: 'Model' },
  );
export const modelsAnswer = () => Type.Object({ models: list(modelAnswer()) });

export const CACHE_TYPES: readonly CacheType[] = [
  'f32',
  'f16',
  'bf16',
  'q8_0',
  'q5_1',
  'q5_0',
  'q4_1',
  'q4_0',
  'iq4_nl',
];

export const planAnswer = () =>
  Type.Object(
    {
      gpuLayers: whole('Blocks on the GPU; one more than there are: the output layer too.'),
      contextTokens: whole('Over all slots.'),
      slotCount: whole('Requests at the same time.'),
      isKvUnified: yes('Slots share one KV cache.'),
      cacheTypeK: oneOf(CACHE_TYPES),
      cacheTypeV: oneOf(CACHE_TYPES),
      batchTokens: whole(),
      microBatchTokens: whole(),
      flashAttention: oneOf(['auto', 'on', 'off']),
      devices: list(text()),
      tensorSplit: orNull(list(number())),
      cpuExpertLayers: whole('Blocks whose experts stay in main memory.'),
      promptCacheBytes: number(),
      contextCheckpoints: orNull(whole()),
      threads: orNull(whole()),
      isProjectorOffloaded: yes(),
    },
    { $id: 'LaunchPlan', description: 'How a model would be loaded.' },
  );

export const fitAnswer = () =>
  Type.Object(
    {
      modelId: text(),
      fit: oneOf(['fits', 'fits_partly', 'does_not_fit']),
      plan: orNull(planAnswer()),
      takesBytes: bytesByDevice('What the plan takes.'),
      freeBytes: bytesByDevice('What is free for it.'),
      parts: list(
        Type.Object({
          device: text(),
          weightBytes: number(),
          kvBytes: number('KV cache and recurrent state.'),
          computeBytes: number(),
          overheadBytes: number('Driver, staging, prompt cache.'),
          totalBytes: number(),
        }),
        { description: 'What the plan takes, part by part.' },
      ),
      neededBytes: orNull(number('Where it does not fit: the least that it takes.')),
      wouldFit: orNull(
        Type.Object(
          {
            contextTokens: Type.Optional(whole()),
            gpuLayers: Type.Optional(whole()),
            cacheType: Type.Optional(oneOf(CACHE_TYPES)),
            slotCount: Type.Optional(whole()),
          },
          { description: 'A change of the wishes that would fit.' },
        ),
      ),
      inTheWay: list(text(), { description: 'Loaded models whose leaving would make room.' }),
      bounds: Type.Object({
        layersTotal: whole('Blocks and the output layer.'),
        trainedContextTokens: orNull(whole()),
        cacheTypes: list(oneOf(CACHE_TYPES)),
      }),
      reasons: list(text(), { description: 'Why it is so.' }),
      argv: list(text(), { description: 'The engine’s command line.' }),
    },
    { $id: 'FitReport' },
  );

const buildAnswer = () =>
  Type.Object(
    {
      id: text(),
      version: text(),
      buildNumber: orNull(whole()),
      backend: oneOf(['cuda', 'rocm', 'vulkan', 'metal', 'sycl', 'cpu']),
      source: oneOf(['given', 'github', 'debian', 'archive']),
      folder: text(),
      launch: list(text(), { description: 'argv up to llama-server’s first own argument.' }),
      environment: Type.Record(Type.String(), Type.String()),
      flags: list(text(), { description: 'Options that this build knows.' }),
      devices: list(
        Type.Object({ id: text(), name: text(), totalBytes: orNull(number()), freeBytes: orNull(number()) }),
      ),
      proof: orNull(
        Type.Object({
          at: epochMs(),
          isGood: yes(),
          bufferDevices: list(text(), { description: 'Devices that really held the probe model.' }),
          tokensPerSecond: orNull(number()),
          reason: orNull(text('Why it failed.')),
        }),
      ),
    },
    { $id: 'EngineBuild', description: 'The build of llama.cpp in use, and how it proved itself.' },
  );

export const statusAnswer = () =>
  Type.Object({
    version: text(),
    startedAt: epochMs(),
    pid: whole(),
    keeper: orNull(
      Type.Object(
        {
          kind: oneOf(['systemd', 'launchd', 'supervisord', 'pm2', 'container', 'terminal']),
          name: orNull(text('Of the unit or job.')),
          isOfUser: orNull(yes()),
        },
        { description: 'Who started the server and would start it again; null: nobody is known to.' },
      ),
    ),
    dataFolder: text(),
    urls: list(text()),
    engine: orNull(buildAnswer()),
    engineFailure: orNull(text('Why there is no engine.')),
    modelCount: whole(),
    instances: list(instanceAnswer()),
    budget: list(
      Type.Object({
        device: text(),
        totalBytes: orNull(number()),
        budgetBytes: number('What models may take.'),
        reservedBytes: number('What loaded models have taken of it.'),
      }),
    ),
  });

const usage = () =>
  Type.Object(
    {
      modelId: text(),
      startedAt: epochMs(),
      durationMs: number(),
      firstByteMs: orNull(number()),
      status: whole(),
      promptTokens: orNull(whole()),
      cachedTokens: orNull(whole()),
      generatedTokens: orNull(whole()),
      promptMs: orNull(number()),
      generationMs: orNull(number()),
      bytesOut: whole(),
    },
    { $id: 'Usage', description: 'What one request cost, as the engine counted it.' },
  );
const totals = () =>
  Type.Object(
    {
      modelId: text(),
      requestCount: whole(),
      failedCount: whole(),
      promptTokens: whole(),
      generatedTokens: whole(),
      promptMs: number(),
      generationMs: number(),
      durationMs: number(),
      lastAt: orNull(epochMs()),
      lastTokensPerSecond: orNull(number()),
    },
    { $id: 'UsageTotals', description: 'Sums since the server started.' },
  );
export const usageAnswer = () =>
  Type.Object({ models: list(totals()), requests: list(usage(), { description: 'The latest, newest last.' }) });

export const hardwareAnswer = () =>
  Type.Object({
    takenAt: epochMs(),
    system: Type.Object({
      platform: oneOf(['linux', 'darwin', 'win32', 'other']),
      arch: oneOf(['x64', 'arm64', 'other']),
      name: orNull(text()),
      kernel: orNull(text()),
      libc: orNull(text()),
    }),
    cpu: Type.Object({
      name: orNull(text()),
      physicalCores: orNull(whole()),
      usableThreads: whole(),
      maxHz: orNull(number()),
      features: list(text(), { description: 'Instruction sets that matter.' }),
    }),
    memory: Type.Object({
      totalBytes: number('What this process may use at most.'),
      availableBytes: number('What can be had now without swapping.'),
      limitBytes: orNull(number('The limit of the control group.')),
      swapTotalBytes: orNull(number()),
      swapFreeBytes: orNull(number()),
    }),
    disks: list(Type.Object({ path: text(), totalBytes: orNull(number()), freeBytes: orNull(number()) })),
    gpus: list(
      Type.Object({
        index: whole(),
        vendor: oneOf(['nvidia', 'amd', 'intel', 'apple', 'other']),
        name: text(),
        totalBytes: orNull(number()),
        freeBytes: orNull(number()),
        isUnified: orNull(yes('Shares the main memory.')),
        driverVersion: orNull(text()),
        cudaVersion: Type.Optional(orNull(text())),
        computeCapability: orNull(text()),
        gfxTarget: orNull(text()),
        pciAddress: orNull(text()),
        uuid: orNull(text()),
        source: text('Which source told.'),
      }),
    ),
    notes: list(text(), { description: 'What could not be read, and why.' }),
  });

export const restartAnswer = () => Type.Object({ status: Type.Literal('restarting'), hard: yes() });

export const reloadAnswer = () =>
  Type.Object({ touched: list(text(), { description: 'Models whose process is replaced.' }) });
