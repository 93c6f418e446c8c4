// The wire shapes of our own API, with examples. Bodies that we read are checked against them; answers are described.
import { Type } from '@sinclair/typebox';

const model = Type.String({ minLength: 1, maxLength: 512, description: 'Id or alias.' });

export const LoadBody = Type.Object(
  { model },
  { additionalProperties: true, examples: [{ model: 'qwen3-4b-q4_k_m' }] },
);

export const StopBody = Type.Object(
  {
    model: Type.Optional(model),
    all: Type.Optional(Type.Boolean({ description: 'Stop every model.' })),
    force: Type.Optional(Type.Boolean({ description: 'End requests in flight too.' })),
  },
  { additionalProperties: true, examples: [{ model: 'qwen3-4b-q4_k_m' }, { all: true, force: true }] },
);

export const PinBody = Type.Object(
  { model, pinned: Type.Optional(Type.Boolean({ default: true })) },
  { additionalProperties: true, examples: [{ model: 'qwen3-4b-q4_k_m', pinned: true }] },
);

export const RestartBody = Type.Object(
  {
    hard: Type.Optional(
      Type.Boolean({ description: 'A new process takes over; absent: the configuration is read again.' }),
    ),
  },
  { additionalProperties: true, examples: [{ hard: false }] },
);

export const RestartSchema = Type.Object(
  { status: Type.Literal('restarting'), hard: Type.Boolean() },
  { examples: [{ status: 'restarting', hard: false }] },
);

const bytesByDevice = Type.Record(Type.String(), Type.Number(), { description: 'Bytes by device; Host is RAM.' });
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const epochMs = Type.Integer({ description: 'Epoch milliseconds.' });

export const InstanceSchema = Type.Object(
  {
    modelId: Type.String(),
    state: Type.String({ description: 'stopped, starting, ready, stopping or failed.' }),
    since: epochMs,
    pid: orNull(Type.Integer()),
    portNumber: orNull(Type.Integer()),
    requestsInFlight: Type.Integer(),
    requestsQueued: Type.Integer(),
    isPinned: Type.Boolean(),
    lastUsedAt: orNull(epochMs),
    ttlMs: orNull(Type.Number()),
    reservedBytes: bytesByDevice,
    verdict: orNull(Type.Object({}, { additionalProperties: true })),
    failure: orNull(Type.String()),
  },
  {
    additionalProperties: true,
    examples: [
      {
        modelId: 'qwen3-4b-q4_k_m',
        state: 'ready',
        since: 1765000000000,
        pid: 4711,
        portNumber: 40123,
        requestsInFlight: 0,
        requestsQueued: 0,
        isPinned: false,
        lastUsedAt: null,
        ttlMs: null,
        reservedBytes: { CUDA0: 3221225472 },
        verdict: null,
        failure: null,
      },
    ],
  },
);

export const ModelSchema = Type.Object(
  {
    id: Type.String(),
    aliases: Type.Array(Type.String()),
    title: Type.String(),
    kind: Type.String(),
    path: orNull(Type.String()),
    sizeBytes: orNull(Type.Number()),
    contextTokens: orNull(Type.Integer()),
    failure: orNull(Type.String()),
    instance: orNull(InstanceSchema),
  },
  { additionalProperties: true },
);

export const FitSchema = Type.Object(
  {
    modelId: Type.String(),
    fit: Type.String({ description: 'fits, fits_partly or does_not_fit.' }),
    takesBytes: bytesByDevice,
    freeBytes: bytesByDevice,
    reasons: Type.Array(Type.String()),
    argv: Type.Array(Type.String()),
  },
  {
    additionalProperties: true,
    examples: [
      {
        modelId: 'qwen3-4b-q4_k_m',
        fit: 'fits',
        plan: null,
        takesBytes: { CUDA0: 3221225472, Host: 524288000 },
        freeBytes: { CUDA0: 16106127360, Host: 33285996544 },
        reasons: [],
        argv: ['-m', '/models/qwen3-4b-q4_k_m.gguf'],
      },
    ],
  },
);

export const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.String(),
      message: Type.String(),
      hint: orNull(Type.String({ description: 'The next step.' })),
      blame: Type.String({ description: 'caller, drover, engine, machine or remote.' }),
      details: Type.Object({}, { additionalProperties: true }),
    }),
  },
  {
    examples: [
      {
        error: {
          code: 'not_found',
          message: 'There is no model "qwen".',
          hint: null,
          blame: 'caller',
          details: { nearNames: ['qwen3-4b-q4_k_m'] },
        },
      },
    ],
  },
);

export const ModelsSchema = Type.Object({ models: Type.Array(ModelSchema) });
export const InstancesSchema = Type.Object({ instances: Type.Array(InstanceSchema) });
export const OpenSchema = Type.Object({}, { additionalProperties: true });
