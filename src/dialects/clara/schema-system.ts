// ClaraCore's wire shapes of the machine, the settings and the engine, with examples.
import { Type } from '@sinclair/typebox';
import * as example from './examples.ts';
import { backend, bytes, count, open, orNull, text, texts, time } from './schema.ts';

export const SpecsSchema = () =>
  Type.Object(
    {
      totalRAM: bytes('Bytes.'),
      availableRAM: bytes('Bytes.'),
      totalVRAM: orNull(bytes('Bytes over all GPUs with memory of their own; null where a driver does not tell.')),
      availableVRAM: orNull(bytes('Bytes.')),
      cpuCores: count,
      gpuName: Type.String({ description: '`CPU Only` where there is none.' }),
      diskSpace: orNull(bytes('Free bytes on the disk that downloads go to.')),
    },
    {
      ...open,
      examples: [
        {
          totalRAM: 34359738368,
          availableRAM: 25769803776,
          totalVRAM: 12884901888,
          availableVRAM: 10737418240,
          cpuCores: 16,
          gpuName: 'NVIDIA RTX 4070',
          diskSpace: 500000000000,
        },
      ],
    },
  );

export const DetectionSchema = () =>
  Type.Object(
    {
      detectionQuality: Type.String({ description: 'excellent: everything is known; good: GPUs are known; basic.' }),
      platform: text,
      arch: text,
      gpuDetected: Type.Boolean(),
      gpuTypes: texts,
      primaryGPU: orNull(Type.Object({ name: text, brand: text, vramGB: orNull(Type.Number()) }, open)),
      totalRAMGB: Type.Number(),
      availableRAMGB: Type.Number(),
      recommendedBackends: texts,
      supportedBackends: texts,
      recommendedContextSizes: Type.Array(Type.Integer()),
      maxRecommendedContextSize: orNull(Type.Integer()),
      recommendations: Type.Object(
        {
          primaryBackend: text,
          fallbackBackend: text,
          suggestedContextSize: orNull(Type.Integer()),
          suggestedVRAMAllocation: Type.Integer({ description: 'GB' }),
          suggestedRAMAllocation: Type.Integer({ description: 'GB' }),
          throughputFirst: Type.Boolean(),
          notes: texts,
        },
        open,
      ),
      detectionTimestamp: time,
    },
    { ...open, examples: [example.detection] },
  );

export const SettingsBody = Type.Object(
  {
    gpuType: Type.Optional(Type.String({ maxLength: 64, pattern: '^[\\w .()+-]*$' })),
    backend: Type.Optional(backend),
    vramGB: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
    ramGB: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
    preferredContext: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000_000 })),
    throughputFirst: Type.Optional(Type.Boolean()),
    enableJinja: Type.Optional(Type.Boolean()),
    requireApiKey: Type.Optional(Type.Boolean()),
    apiKey: Type.Optional(Type.String({ maxLength: 512 })),
  },
  { ...open, examples: [{ preferredContext: 65536, throughputFirst: true, enableJinja: true }] },
);

export const SettingsSchema = () =>
  Type.Object(
    {
      settings: Type.Object(
        {
          gpuType: text,
          backend: text,
          vramGB: orNull(Type.Number()),
          ramGB: orNull(Type.Number()),
          preferredContext: orNull(Type.Integer()),
          throughputFirst: Type.Boolean(),
          enableJinja: Type.Boolean(),
          requireApiKey: Type.Boolean(),
        },
        open,
      ),
    },
    { examples: [example.settings] },
  );

export const SavedSchema = () => Type.Object({ status: text }, { ...open, examples: [{ status: 'saved' }] });

export const HubKeyBody = Type.Object(
  { apiKey: Type.String({ maxLength: 512 }) },
  { ...open, examples: [{ apiKey: 'hf_exampleexampleexampleexample' }] },
);
export const HubKeySchema = () =>
  Type.Object(
    { hasKey: Type.Boolean(), masked: text, apiKey: Type.Literal('') },
    { ...open, examples: [{ hasKey: true, masked: 'hf_…mple', apiKey: '' }] },
  );

export const RestartSchema = () =>
  Type.Object({ message: text, status: Type.Literal('restarting') }, { ...open, examples: [example.restarting] });

export const BinarySchema = () =>
  Type.Object(
    {
      exists: Type.Boolean(),
      path: orNull(text),
      hasMetadata: Type.Boolean(),
      currentVersion: orNull(text),
      currentType: orNull(text),
      latestVersion: orNull(text),
      optimalType: orNull(text),
      isOptimal: orNull(Type.Boolean()),
      isUpToDate: orNull(Type.Boolean()),
      updateAvailable: orNull(Type.Boolean()),
      error: Type.Optional(text),
    },
    { ...open, examples: [example.binary] },
  );
export const BinaryUpdatedSchema = () =>
  Type.Object(
    {
      status: Type.String({ description: 'updated or up-to-date.' }),
      message: text,
      version: text,
      type: text,
      path: text,
      wasForced: Type.Boolean(),
    },
    { ...open, examples: [example.binaryUpdated] },
  );
