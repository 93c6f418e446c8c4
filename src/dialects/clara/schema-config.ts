// ClaraCore's wire shapes of the configuration, its folders and its making, with examples.
import { Type } from '@sinclair/typebox';
import * as example from './examples.ts';
import { backend, count, open, orNull, path, paths, text, texts, time } from './schema.ts';

export const ConfigSchema = () =>
  Type.Object(
    { yaml: text, config: Type.Object({ models: Type.Record(Type.String(), Type.Object({}, open)) }, open) },
    { ...open, examples: [example.config] },
  );

export const ConfigBody = Type.Object(
  { yaml: Type.String({ maxLength: 8 * 1024 * 1024 }) },
  { ...open, examples: [{ yaml: 'healthCheckTimeout: 300\nlogLevel: info\n' }] },
);

const restart = () => ({
  requiresRestart: Type.Boolean({
    description: 'True where models run with older settings. New ones count at once for what is started from now on.',
  }),
  restartMessage: text,
  affectedModels: Type.Array(Type.String(), {
    description: 'Models that run with older settings: they keep them until they are stopped or restarted.',
  }),
});

export const ConfigWrittenSchema = () =>
  Type.Object({ status: text, backup: orNull(text), ...restart() }, { ...open, examples: [example.configWritten] });

export const ValidSchema = () =>
  Type.Object(
    {
      valid: Type.Boolean(),
      modelCount: Type.Optional(count),
      groupCount: Type.Optional(count),
      macroCount: Type.Optional(count),
      startPort: Type.Optional(count),
      downloadDir: Type.Optional(text),
      error: Type.Optional(text),
    },
    { ...open, examples: [example.valid] },
  );

const folder = () => Type.Object({ folder: text, status: text, models: count, error: Type.Optional(text) }, open);

export const ScanBody = Type.Object(
  {
    folderPath: Type.Optional(path),
    folderPaths: Type.Optional(paths),
    recursive: Type.Optional(Type.Boolean()),
    addToDatabase: Type.Optional(Type.Boolean()),
  },
  { ...open, examples: [{ folderPaths: ['{{modelsFolder}}'], recursive: true, addToDatabase: false }] },
);

export const ScanSchema = () =>
  Type.Object(
    {
      models: Type.Array(
        Type.Object(
          {
            modelId: text,
            filename: text,
            name: text,
            size: count,
            sizeFormatted: text,
            path: text,
            relativePath: text,
            quantization: text,
            isInstruct: Type.Boolean(),
            isDraft: Type.Boolean(),
            isEmbedding: Type.Boolean(),
            contextLength: orNull(count),
            numLayers: count,
            isMoE: Type.Boolean(),
          },
          open,
        ),
      ),
      scanSummary: Type.Array(folder()),
      totalModels: count,
      foldersScanned: count,
    },
    { ...open, examples: [example.scan] },
  );

export const WishesSchema = Type.Object(
  {
    enableJinja: Type.Optional(Type.Boolean()),
    throughputFirst: Type.Optional(Type.Boolean()),
    minContext: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000_000 })),
    preferredContext: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000_000 })),
    forceBackend: Type.Optional(backend),
    forceVRAM: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
    forceRAM: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
  },
  open,
);

const options = Type.Optional(orNull(WishesSchema));

export const AppendBody = Type.Object(
  { filePath: path, options, modelId: Type.Optional(Type.String({ maxLength: 256 })) },
  { ...open, examples: [{ filePath: '{{unlistedModelFile}}', options: { enableJinja: true } }] },
);
export const PreviewBody = Type.Object(
  { filePath: path, options },
  { ...open, examples: [{ filePath: '{{modelFile}}' }] },
);

const modelInfo = () =>
  Type.Object(
    {
      name: text,
      size: text,
      quantization: text,
      isInstruct: Type.Boolean(),
      isEmbedding: Type.Boolean(),
      contextLength: orNull(count),
    },
    open,
  );

export const AppendedSchema = () =>
  Type.Object(
    { status: text, modelId: text, modelInfo: modelInfo(), ...restart() },
    { ...open, examples: [example.appended] },
  );
export const PreviewSchema = () =>
  Type.Object(
    { status: text, config: Type.Object({}, open), modelInfo: modelInfo() },
    { ...open, examples: [example.preview] },
  );

export const ModelBody = Type.Object(
  {
    contextSize: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000_000 })),
    layers: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000 })),
    cacheType: Type.Optional(
      Type.Union(
        ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'].map((name) => Type.Literal(name)),
      ),
    ),
    batchSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  },
  { ...open, examples: [{ contextSize: 2048, batchSize: 512 }] },
);
export const ModelWrittenSchema = () =>
  Type.Object(
    { status: text, model: text, backup: orNull(text), updated: Type.Object({}, open), ...restart() },
    { ...open, examples: [example.modelWritten] },
  );
export const DeletedSchema = () =>
  Type.Object(
    { status: text, modelId: text, message: text, backup: orNull(text), deletedFiles: texts },
    { ...open, examples: [example.deleted] },
  );

export const FoldersBody = Type.Object(
  { folderPaths: paths, recursive: Type.Optional(Type.Boolean()) },
  { ...open, examples: [{ folderPaths: ['{{modelsFolder}}'], recursive: true }] },
);
export const FoldersSchema = () =>
  Type.Object(
    {
      folders: Type.Array(
        Type.Object(
          {
            path: text,
            addedAt: time,
            lastScanned: orNull(time),
            modelCount: count,
            recursive: Type.Boolean(),
            enabled: Type.Boolean(),
          },
          open,
        ),
      ),
      lastScan: orNull(time),
      version: Type.Literal('1.0'),
      totalCount: count,
    },
    { ...open, examples: [example.folders] },
  );
export const FoldersAddedSchema = () =>
  Type.Object({ status: text, addedFolders: texts, errors: texts }, { ...open, examples: [example.foldersAdded] });
export const FoldersRemovedSchema = () =>
  Type.Object(
    { status: text, removedFolders: texts, remainingCount: count },
    { ...open, examples: [example.foldersRemoved] },
  );

export const RegenerateBody = Type.Object(
  { options },
  { ...open, examples: [{ options: { enableJinja: true, throughputFirst: true, preferredContext: 65536 } }] },
);
export const GenerateBody = Type.Object(
  { folderPath: path, options },
  { ...open, examples: [{ folderPath: '{{modelsFolder}}', options: { enableJinja: true } }] },
);
export const RegeneratedSchema = () =>
  Type.Object(
    {
      status: text,
      totalModels: count,
      foldersScanned: count,
      scanSummary: Type.Array(folder()),
      config: text,
      source: text,
      primaryFolder: text,
      note: text,
      autoRestart: text,
    },
    { ...open, examples: [example.regenerated] },
  );

export const MissingRemovedSchema = () =>
  Type.Object({ status: text, removedModels: texts, message: text }, { ...open, examples: [example.missingRemoved] });
export const DuplicatesRemovedSchema = () =>
  Type.Object(
    { message: text, duplicatesRemoved: count, removedModels: texts, keptModels: texts },
    { ...open, examples: [example.duplicatesRemoved] },
  );

export const SetupSchema = () =>
  Type.Object(
    {
      status: Type.String({ description: 'idle, processing, completed or error.' }),
      current_step: text,
      progress: Type.Number({ description: '0 to 100.' }),
      total_models: count,
      processed_models: count,
      current_model: text,
      error: orNull(text),
      completed: Type.Boolean(),
      started_at: orNull(time),
      updated_at: orNull(time),
    },
    { ...open, examples: [example.setup] },
  );
