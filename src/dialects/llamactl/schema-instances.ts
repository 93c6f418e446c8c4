// llamactl's wire shapes of instances, with examples. Options are open: what each may be, the core says.
import { Type } from '@sinclair/typebox';
import { open, text, time } from './schema.ts';

export const status = Type.Union(
  (['stopped', 'starting', 'running', 'stopping', 'error'] as const).map((word) => Type.Literal(word)),
);
const optionsIn = Type.Record(Type.String(), Type.Unknown(), {
  description:
    'threads, context_size, batch_size, gpu_layers, memory_lock, no_mmap, rope_freq_base, rope_freq_scale, and any option of llama-server that a request may set, in snake_case. For us: auto_restart (true), max_restarts (3), restart_delay (5 s).',
});
const optionsOut = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]));
const port = Type.Integer({ minimum: 1024, maximum: 65_535 });
const orNull = <S extends Parameters<typeof Type.Optional>[0]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

export const CreateBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 50, description: 'Letters, digits, dots, dashes, underscores.' }),
    model_path: Type.String({ minLength: 1, maxLength: 4096, description: 'Absolute; it need not be there yet.' }),
    port: orNull(port),
    options: orNull(optionsIn),
  },
  {
    ...open,
    examples: [
      {
        name: '{{newInstance}}',
        model_path: '{{modelFile}}',
        port: '{{freePort}}',
        options: { threads: 4, context_size: 2048, gpu_layers: 0 },
      },
    ],
  },
);

export const UpdateBody = Type.Object(
  {
    model_path: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
    port: Type.Optional(port),
    options: Type.Optional(optionsIn),
  },
  { ...open, examples: [{ options: { threads: 8, context_size: 4096 } }] },
);

export const StopBody = Type.Object(
  {
    force: Type.Optional(Type.Boolean({ description: 'Now: requests in flight are cut.' })),
    timeout: Type.Optional(
      Type.Number({ minimum: 0, maximum: 86_400, description: 'Seconds that requests in flight get; 30.' }),
    ),
  },
  { ...open, examples: [{ force: false, timeout: 30 }] },
);

const listed = {
  name: text,
  status,
  model_path: Type.String({ description: 'Empty for what has no file.' }),
  port: Type.Integer({ description: 'Its own; of a model without one, the server’s, which knows it by its name.' }),
  created_at: time,
  updated_at: time,
  error: Type.Optional(Type.String({ description: 'Why it is in error.' })),
};
const INSTANCE = {
  name: 'my-instance',
  status: 'stopped',
  model_path: '/models/llama-2-7b.gguf',
  port: 8101,
  created_at: '2026-01-02T03:04:05Z',
  updated_at: '2026-01-02T03:04:05Z',
};
const OPTIONS = { threads: 4, context_size: 2048, gpu_layers: 0 };

export const ListSchema = () =>
  Type.Object({ instances: Type.Array(Type.Object(listed, open)) }, { ...open, examples: [{ instances: [INSTANCE] }] });

export const InstanceSchema = () =>
  Type.Object(
    {
      ...listed,
      pid: Type.Union([Type.Integer(), Type.Null()], { description: 'Null where nothing runs.' }),
      options: optionsOut,
      stats: StatsSchema(),
    },
    {
      ...open,
      examples: [
        {
          ...INSTANCE,
          status: 'running',
          pid: 12345,
          options: OPTIONS,
          stats: { memory_usage: 4294967296, cpu_usage: 25.5, uptime: 3600 },
        },
      ],
    },
  );

export const StatsSchema = () =>
  Type.Object(
    {
      memory_usage: Type.Integer({ description: 'Bytes in RAM.' }),
      cpu_usage: Type.Union([Type.Number(), Type.Null()], { description: 'Percent of one core.' }),
      uptime: Type.Union([Type.Integer(), Type.Null()], { description: 'Seconds.' }),
    },
    open,
  );

const changed = Type.Object({ ...listed, options: optionsOut }, open);

export const CreatedSchema = () =>
  Type.Object(
    { message: text, instance: changed },
    {
      ...open,
      examples: [{ message: 'Instance created successfully', instance: { ...INSTANCE, options: OPTIONS } }],
    },
  );

export const UpdatedSchema = () =>
  Type.Object(
    { message: text, instance: changed, requires_restart: Type.Boolean() },
    {
      ...open,
      examples: [
        {
          message: 'Instance updated successfully',
          instance: { ...INSTANCE, options: { ...OPTIONS, threads: 8 } },
          requires_restart: false,
        },
      ],
    },
  );

export const MessageSchema = () =>
  Type.Object({ message: text }, { ...open, examples: [{ message: 'Instance deleted successfully' }] });

export const InitiatedSchema = () =>
  Type.Object(
    { message: text, status },
    { ...open, examples: [{ message: 'Instance start initiated', status: 'starting' }] },
  );

export const ResultsSchema = () =>
  Type.Object(
    {
      message: text,
      results: Type.Array(Type.Object({ name: text, status, error: Type.Optional(text) }, open)),
    },
    {
      ...open,
      examples: [{ message: 'Start of 1 instance initiated', results: [{ name: 'my-instance', status: 'starting' }] }],
    },
  );

export const HealthSchema = () =>
  Type.Object(
    {
      status: Type.Union((['healthy', 'starting', 'unhealthy', 'stopped'] as const).map((word) => Type.Literal(word))),
      checks: Type.Object(
        {
          process: status,
          port: Type.Union((['open', 'closed', 'unknown'] as const).map((word) => Type.Literal(word))),
          response: Type.Union((['ok', 'failed', 'none'] as const).map((word) => Type.Literal(word))),
        },
        open,
      ),
      last_check: time,
    },
    {
      ...open,
      examples: [
        {
          status: 'healthy',
          checks: { process: 'running', port: 'open', response: 'ok' },
          last_check: '2026-01-02T03:04:05Z',
        },
      ],
    },
  );
