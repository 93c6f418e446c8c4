// The shapes of our own API about one model: its details, its entry in the configuration, and the body that changes it.
import { Type } from '@sinclair/typebox';
import { CACHE_TYPES, modelAnswer } from './schema-answers.ts';
import { list, number, oneOf, orNull, text, whole, yes } from './schema-words.ts';

const wish = <S extends Parameters<typeof orNull>[0]>(schema: S) => Type.Optional(orNull(schema));
const count = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const cacheType = () => Type.Union(CACHE_TYPES.map((word) => Type.Literal(word)));

export const EntryBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 512, description: 'Id or alias.' }),
    settings: Type.Object(
      {
        name: wish(Type.String({ maxLength: 200 })),
        description: wish(Type.String({ maxLength: 2000 })),
        aliases: wish(Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 64 })),
        unlisted: wish(Type.Boolean()),
        contextSize: wish(count(0, 100_000_000)),
        gpuLayers: wish(count(0, 100_000)),
        cacheType: wish(cacheType()),
        parallel: wish(count(1, 1024)),
        batchSize: wish(count(1, 1_000_000)),
        threads: wish(count(1, 4096)),
        ttl: wish(Type.Number({ minimum: -1, maximum: 31_536_000, description: 'Seconds; 0: never.' })),
        pin: wish(Type.Boolean()),
      },
      { additionalProperties: false, description: 'What is not named stays; null takes a setting out.' },
    ),
  },
  { additionalProperties: true, examples: [{ model: '{{model}}', settings: { description: 'For small talk' } }] },
);

const settings = () =>
  Type.Object(
    {
      name: orNull(text()),
      description: orNull(text()),
      aliases: orNull(list(text())),
      unlisted: orNull(yes()),
      contextSize: orNull(whole('Tokens over all slots.')),
      gpuLayers: orNull(whole()),
      cacheType: orNull(oneOf(CACHE_TYPES)),
      parallel: orNull(whole('Slots.')),
      batchSize: orNull(whole()),
      threads: orNull(whole()),
      ttl: orNull(number('Seconds of idleness; 0: never.')),
      pin: orNull(yes()),
    },
    { description: 'Null: not set, so automatic.' },
  );

export const entryAnswer = () =>
  Type.Object(
    {
      id: text(),
      isInFile: yes('The configuration names it.'),
      lockedBy: orNull(text('Why it cannot be changed here.')),
      settings: settings(),
    },
    { $id: 'ModelEntry' },
  );

export const entryWriteAnswer = () =>
  Type.Object({
    entry: entryAnswer(),
    affected: list(text(), { description: 'Models that run with older settings.' }),
    backupPath: orNull(text('The configuration before.')),
  });

const factsAnswer = () =>
  Type.Object({
    architecture: text(),
    name: orNull(text()),
    parameterCount: number('Weights.'),
    quantization: text(),
    isQuantizationDerived: yes('From the tensors, since the header has no usable label.'),
    weightBytes: number(),
    tensorCount: whole(),
    contextTokens: orNull(whole('What it was trained for.')),
    blockCount: whole(),
    embeddingLength: whole(),
    feedForwardLength: whole(),
    vocabularySize: orNull(whole()),
    headCount: whole(),
    headCountKv: whole(),
    keyLength: whole(),
    valueLength: whole(),
    slidingWindowTokens: orNull(whole()),
    isMla: yes(),
    isRecurrent: yes(),
    expertCount: whole(),
    expertUsedCount: whole(),
    chatTemplate: orNull(text()),
    canUseTools: yes(),
    canReason: yes(),
    canInfill: yes(),
    sampling: Type.Record(Type.String(), Type.Number(), { description: 'What the header recommends.' }),
    provenance: Type.Object(
      {
        author: orNull(text()),
        organization: orNull(text()),
        license: orNull(text('As SPDX has it, mostly.')),
        licenseName: orNull(text('Where SPDX has no word for it.')),
        licenseUrl: orNull(text()),
        quantizedBy: orNull(text()),
        url: orNull(text('Where the model is at home.')),
        description: orNull(text()),
        baseModels: list(Type.Object({ name: text(), organization: orNull(text()), url: orNull(text()) })),
      },
      { description: 'As whoever wrote the file says.' },
    ),
    tensorMix: list(
      Type.Object({
        typeName: text(),
        tensorCount: whole(),
        elementCount: number('Weights.'),
        bytes: number('Without padding.'),
      }),
      { description: 'By type, most bytes first.' },
    ),
  });

export const detailsAnswer = () =>
  Type.Object(
    {
      model: modelAnswer(),
      files: list(Type.Object({ path: text(), sizeBytes: orNull(number('Null: it is gone.')) })),
      projectorPath: orNull(text()),
      origin: orNull(text('Where it was found.')),
      facts: orNull(factsAnswer()),
    },
    { $id: 'ModelDetails' },
  );
