// llamactl's wire shapes of the machine, the configuration and the streams, with examples.
import { type TSchema, Type } from '@sinclair/typebox';
import { open, text, time } from './schema.ts';

const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const count = Type.Integer({ minimum: 0 });

export const StatusSchema = () =>
  Type.Object(
    {
      version: text,
      uptime: Type.Integer({ description: 'Seconds since this server started.' }),
      instances: Type.Object({ total: count, running: count, stopped: count }, open),
      resources: Type.Object(
        {
          cpu_usage: orNull(Type.Number({ description: 'Percent over all processors.' })),
          memory_usage: orNull(Type.Integer({ description: 'Bytes.' })),
          memory_total: orNull(Type.Integer({ description: 'Bytes that we may use.' })),
          disk_usage: orNull(Type.Number({ description: 'Percent of the disk with our data.' })),
        },
        open,
      ),
    },
    {
      ...open,
      examples: [
        {
          version: '1.0.0',
          uptime: 86400,
          instances: { total: 5, running: 3, stopped: 2 },
          resources: {
            cpu_usage: 45.2,
            memory_usage: 8589934592,
            memory_total: 17179869184,
            disk_usage: 75.5,
          },
        },
      ],
    },
  );

export const InfoSchema = () =>
  Type.Object(
    {
      hostname: text,
      os: Type.String({ description: 'As Go calls it: linux, darwin, windows.' }),
      arch: Type.String({ description: 'As Go calls it: amd64, arm64.' }),
      cpu_count: count,
      memory_total: orNull(Type.Integer({ description: 'Bytes that we may use.' })),
      version: text,
      build_time: orNull(Type.String({ description: 'Of the source that this was built from.' })),
    },
    {
      ...open,
      examples: [
        {
          hostname: 'server-01',
          os: 'linux',
          arch: 'amd64',
          cpu_count: 8,
          memory_total: 17179869184,
          version: '1.0.0',
          build_time: '2026-01-02T03:04:05Z',
        },
      ],
    },
  );

const level = Type.Union((['debug', 'info', 'warn', 'error'] as const).map((word) => Type.Literal(word)));
export const levelQuery = level;
export const linesQuery = Type.Integer({ minimum: 1, maximum: 10_000, default: 100 });

export const LogsSchema = () =>
  Type.Object(
    { logs: Type.Array(Type.Object({ timestamp: time, level, message: text }, open)) },
    {
      ...open,
      examples: [{ logs: [{ timestamp: '2026-01-02T03:04:05.678Z', level: 'info', message: 'Instance is running' }] }],
    },
  );

export const ConfigBody = Type.Object(
  {
    logging: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    instances: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    models: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    backend: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  {
    ...open,
    description: 'What `GET /api/config` shows under these names, as far as a request may change it.',
    examples: [{ logging: { level: 'info' }, instances: { stop_timeout: 30 } }],
  },
);

export const ConfigChangedSchema = () =>
  Type.Object(
    {
      message: text,
      requires_restart: Type.Boolean({ description: 'True: the server must be started again for all of it to count.' }),
    },
    { ...open, examples: [{ message: 'Configuration updated successfully', requires_restart: false }] },
  );
