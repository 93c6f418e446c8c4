// The wire shapes of OBT's API, as its document has them, and the body that is checked.
import { Type } from '@sinclair/typebox';
import { METRIC_NAMES } from './shape.ts';

const open = { additionalProperties: true } as const;
const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const figure = (description: string) => Type.Number({ minimum: 0, description });
const time = Type.String({ description: 'ISO 8601, UTC.' });
const known = Type.String({ description: '"unknown" where nobody tells.' });
const status = Type.Unsafe<string>({ type: 'string', enum: ['running', 'completed', 'error'] });

export const ErrorSchema = () =>
  Type.Object(
    {
      status: Type.Integer({ description: 'As the HTTP status.' }),
      message: text,
      details: Type.Optional(Type.Object({}, { ...open, description: 'The next step, near names, the field.' })),
    },
    {
      ...open,
      $id: 'ObtError',
      examples: [{ status: 400, message: 'models is required', details: { field: 'models' } }],
    },
  );

const name = Type.String({ minLength: 1, maxLength: 512 });

export const SessionBody = Type.Object(
  {
    models: Type.Array(name, { minItems: 1, maxItems: 100, description: 'Ids or aliases.' }),
    testTypes: Type.Array(name, {
      minItems: 1,
      maxItems: 20,
      description: 'completion, chat, embedding; also known as test_a, test_b, test_c.',
    }),
    iterations: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        default: 3,
        description: 'Requests in each test; the figures are their means.',
      }),
    ),
    tags: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 50, description: 'To find it again by.' }),
    ),
  },
  {
    ...open,
    examples: [{ models: ['{{model}}'], testTypes: ['completion'], iterations: 1, tags: ['first-look'] }],
  },
);

export const StartedSchema = () =>
  Type.Object(
    {
      sessionId: text,
      status: Type.Unsafe<string>({ type: 'string', enum: ['started', 'error'] }),
      message: Type.Optional(text),
    },
    open,
  );

export const ModelsSchema = () =>
  Type.Object({
    models: Type.Array(
      Type.Object({
        name: text,
        tags: Type.Array(text, { description: 'Quantization, kind, what it can, other names.' }),
        version: Type.String({ description: 'Its quantization.' }),
        size: Type.Integer({ minimum: 0, description: 'Bytes.' }),
        modified: time,
      }),
    ),
  });

export const HardwareSchema = () =>
  Type.Object(
    {
      cpu: Type.Object({
        model: known,
        cores: count,
        threads: count,
        frequency: figure('MHz; 0: unknown.'),
        microcode: known,
      }),
      gpu: Type.Array(Type.Object({ model: known, driver: known, memory: figure('MB; 0: unknown.') })),
      ram: Type.Object({ total: figure('MB.'), type: known, frequency: figure('MHz; 0: unknown.') }),
      storage: Type.Object({ type: known, size: figure('GB; 0: unknown.') }),
      os: Type.Object({ name: known, version: known, kernel: known }),
      bios: Type.Object({ vendor: known, version: known, date: known }),
    },
    { $id: 'ObtHardware' },
  );

const FIGURES: Readonly<Record<(typeof METRIC_NAMES)[number], string>> = {
  inferenceTime: 'Seconds of a request; loading and waiting are not in it.',
  tokensPerSecond: 'Generated tokens by the time for them, as the engine counted both.',
  ramUsage: 'MB, the peak of the model’s process.',
  vramUsage: 'MB, the same; 0 on a processor.',
  cpuUsage: 'Percent of all threads, the mean.',
  gpuUsage: 'Percent, the mean; 0 on a processor.',
};

export const MetricsSchema = () =>
  Type.Object(Object.fromEntries(METRIC_NAMES.map((metric) => [metric, figure(FIGURES[metric])])), {
    $id: 'ObtMetrics',
  });

const SomeMetrics = () =>
  Type.Object(Object.fromEntries(METRIC_NAMES.map((metric) => [metric, Type.Optional(figure(FIGURES[metric]))])));

export const TestTypesSchema = () =>
  Type.Object({ testTypes: Type.Array(Type.Object({ name: text, aliases: Type.Array(text), description: text })) });

const sessionFields = () => ({
  id: text,
  date: time,
  status,
  message: Type.Optional(Type.String({ description: 'Why it ended in error.' })),
  name: Type.Optional(Type.String({ description: 'Of a run that was kept under a name.' })),
  hardware: HardwareSchema(),
  tags: Type.Array(text),
});

const paged = { total: count, page: Type.Integer({ minimum: 1 }), limit: Type.Integer({ minimum: 1, maximum: 200 }) };

export const SessionsSchema = () =>
  Type.Object({
    sessions: Type.Array(
      Type.Object({
        ...sessionFields(),
        models: Type.Array(text),
        results: Type.Optional(
          Type.Array(Type.Object({ modelName: text, testType: text, status, metrics: MetricsSchema() })),
        ),
      }),
    ),
    ...paged,
  });

export const SessionSchema = () =>
  Type.Object({
    ...sessionFields(),
    models: Type.Array(
      Type.Object({
        name: text,
        tests: Type.Array(
          Type.Object({
            type: text,
            status,
            metrics: MetricsSchema(),
            logs: Type.Array(text),
            error: Type.Optional(text),
          }),
        ),
      }),
    ),
  });

export const ChangedSchema = () =>
  Type.Object({ sessionId: text, status: Type.Unsafe<string>({ type: 'string', enum: ['cancelled', 'deleted'] }) });

export const ResultsSchema = () =>
  Type.Object({
    results: Type.Array(
      Type.Object({
        sessionId: text,
        modelName: text,
        testType: text,
        hardware: HardwareSchema(),
        metrics: SomeMetrics(),
        date: time,
      }),
    ),
    ...paged,
  });
