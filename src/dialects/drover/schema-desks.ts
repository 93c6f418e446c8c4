// The shapes of our own API about downloads, repositories and the making of a configuration: bodies that are checked,
// answers field by field.

import { Type } from '@sinclair/typebox';
import { FAULT_KINDS } from '../../base/fault.ts';
import { LOG_LEVELS } from '../../base/log.ts';
import { epochMs, list, number, oneOf, orNull, text, whole, yes } from './schema-words.ts';

const open = { additionalProperties: true } as const;
export const PullBody = Type.Object(
  {
    reference: Type.String({
      minLength: 1,
      maxLength: 8192,
      description: '`owner/name`, `owner/name:QUANT` or the address of a file.',
    }),
    modelId: Type.Optional(Type.String({ maxLength: 256, description: 'The name to give it.' })),
    folder: Type.Optional(
      Type.String({
        maxLength: 4096,
        description: 'Absolute: one of GET /drover/destinations, or a folder within; the default one unless told.',
      }),
    ),
    token: Type.Optional(Type.String({ maxLength: 512, description: 'For this download alone; never stored.' })),
  },
  { ...open, examples: [{ reference: '{{downloadUrl}}' }] },
);

export const GenerateBody = Type.Object(
  {
    folder: Type.Optional(Type.String({ maxLength: 4096, description: 'Absent: all tracked folders.' })),
    preferredContext: Type.Optional(Type.Integer({ minimum: 256, maximum: 100_000_000 })),
    minContext: Type.Optional(Type.Integer({ minimum: 256, maximum: 100_000_000 })),
    throughputFirst: Type.Optional(Type.Boolean()),
    enableJinja: Type.Optional(Type.Boolean()),
    backend: Type.Optional(Type.String({ maxLength: 16 })),
    vram: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000, description: 'GB.' })),
    ram: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000, description: 'GB.' })),
  },
  { ...open, examples: [{ folder: '{{modelsFolder}}' }] },
);

/** One quantization of a repository, and how it would do on this machine. */
export const quantAnswer = () =>
  Type.Object({
    tag: text('To write behind the colon: `owner/name:TAG`.'),
    quantization: orNull(text()),
    totalBytes: number('A projector included.'),
    fileCount: whole(),
    isComplete: yes(),
    fit: oneOf(['fits', 'fits_partly', 'does_not_fit']),
    contextTokens: orNull(whole()),
    gpuLayers: whole(),
    layerCount: whole('With the output layer.'),
    isEstimate: yes('Worked out from the header of another quantization.'),
  });

export const offerAnswer = () =>
  Type.Object(
    {
      repository: text(),
      revision: text('The commit that was looked at.'),
      gate: oneOf(['open', 'auto', 'manual']),
      quants: list(quantAnswer(), { description: 'Smallest first.' }),
      recommended: orNull(text('The best that fits.')),
      reason: text(),
      hasProjector: yes(),
    },
    { $id: 'RepositoryOffer' },
  );

export const downloadAnswer = () =>
  Type.Object(
    {
      id: text(),
      modelId: orNull(text()),
      name: text('File name.'),
      files: list(
        Type.Object({
          url: text('Without its query.'),
          path: text(),
          sizeBytes: orNull(number()),
          sha256: orNull(text()),
          doneBytes: number(),
          state: oneOf(['waiting', 'downloading', 'finished']),
        }),
      ),
      repository: orNull(text()),
      revision: orNull(text()),
      quantization: orNull(text()),
      state: oneOf(['queued', 'downloading', 'paused', 'verifying', 'finished', 'failed', 'cancelled']),
      failure: orNull(Type.Object({ kind: oneOf(FAULT_KINDS), message: text(), hint: orNull(text()) })),
      retryAt: orNull(epochMs()),
      doneBytes: number(),
      totalBytes: orNull(number()),
      bytesPerSecond: number(),
      secondsLeft: orNull(number()),
      createdAt: epochMs(),
      startedAt: orNull(epochMs()),
      finishedAt: orNull(epochMs()),
    },
    { $id: 'Download' },
  );
export const downloadsAnswer = () => Type.Object({ downloads: list(downloadAnswer()) });
export const removedAnswer = () => Type.Object({ removed: yes() });

export const hitsAnswer = () =>
  Type.Object({
    models: list(
      Type.Object({
        repository: text(),
        downloads: whole(),
        likes: whole(),
        updatedAt: orNull(epochMs()),
        gate: oneOf(['open', 'auto', 'manual']),
        parameterCount: orNull(whole('Weights, as the hub counted them.')),
        contextTokens: orNull(whole('What it was trained for, as the hub read it.')),
        architecture: orNull(text('As its header has it: `qwen3`.')),
        pipeline: orNull(text('What it is for, in the hub’s word: `text-generation`, `image-text-to-text`.')),
        licence: orNull(text('As it is tagged at the hub: `apache-2.0`.')),
      }),
      { description: 'What the hub does not say is null.' },
    ),
  });

export const logHistoryAnswer = () =>
  Type.Object({
    lines: list(
      Type.Object({
        at: epochMs(),
        level: oneOf(LOG_LEVELS),
        source: text('`engine:` and a model, where its engine said it.'),
        message: text(),
        fields: Type.Record(Type.String(), Type.Unknown()),
      }),
      { description: 'Oldest first.' },
    ),
    isMore: yes('There are older ones.'),
  });

export const destinationsAnswer = () =>
  Type.Object({
    destinations: list(
      Type.Object({
        path: text('Absolute, on the machine of the server.'),
        isDefault: yes('Downloads go there unless they are told otherwise.'),
        freeBytes: orNull(number('Of its disk; what other downloads will take is not taken off.')),
      }),
      { description: 'The default first. Those that are there, and whose models are found.' },
    ),
  });

export const removedModelAnswer = () =>
  Type.Object({
    id: text(),
    deletedFiles: list(text()),
    backupPath: orNull(text('The configuration before.')),
    affected: list(text(), { description: 'Models that run with older settings.' }),
  });

export const generatedAnswer = () =>
  Type.Object({
    folders: list(Type.Object({ path: text(), modelCount: whole(), failure: orNull(text()) })),
    modelCount: whole(),
    added: list(text()),
    changed: list(text()),
    removed: list(text()),
    keptByHand: list(text(), { description: 'Entries that somebody wrote or changed.' }),
    notes: list(text()),
    text: text('The configuration as it is now, without its secrets.'),
    backupPath: orNull(text()),
    affected: list(text()),
  });
