// The shapes of the paths that two dialects have: what either of them may say.
import { Type } from '@sinclair/typebox';
import { ErrorSchema } from './clara/schema.ts';
import {
  ConfigBody as ClaraConfigBody,
  ConfigSchema as ClaraConfigSchema,
  ConfigWrittenSchema,
} from './clara/schema-config.ts';
import { MetricsSchema } from './clara/schema-models.ts';
import { streamedText } from './described.ts';
import { ConfigBody as HomeConfigBody, ConfigSchema as HomeConfigSchema } from './llamahome/schema-config.ts';

export { ErrorSchema as CodedError, MetricsSchema };

const section = Type.Record(Type.String(), Type.Unknown());

export const ConfigSchema = () => {
  const clara = ClaraConfigSchema();
  const sections = ['server', 'paths', 'auth', 'logging', 'instances', 'models', 'backend'];
  return Type.Object(
    { ...clara.properties, ...Object.fromEntries(sections.map((name) => [name, section])) },
    { additionalProperties: true },
  );
};

export const ConfigBody = Type.Union([ClaraConfigBody, HomeConfigBody]);
export const configExamples = {
  'ClaraCore: replace': ClaraConfigBody.examples[0],
  'LlamaHome: change': { model_settings: { temperature: 0.7 } },
};
export const ConfigAnswer = () => Type.Union([ConfigWrittenSchema(), HomeConfigSchema()]);

export const metricsStreams = {
  'text/event-stream': () => streamedText('LlamaHome’s figures as events.'),
  'application/x-ndjson': () => streamedText('LlamaHome’s figures, an object a line.'),
};
