// ClaraCore's wire shapes of models at work, their figures and downloads, with examples.
import { Type } from '@sinclair/typebox';
import * as example from './examples.ts';
import { bytes, count, open, orNull, text, texts, time } from './schema.ts';

export const UnloadedSchema = () => Type.Object({ msg: Type.Literal('ok') }, open);

export const MetricsSchema = () =>
  Type.Array(
    Type.Object(
      {
        modelId: text,
        requestCount: count,
        avgResponseTime: orNull(Type.Number({ description: 'Milliseconds.' })),
        tokensPerSecond: orNull(Type.Number({ description: 'Of the last answer that told it.' })),
        lastActivity: orNull(time),
        memoryUsage: orNull(bytes('Bytes that the running model takes; 0 where it is not loaded.')),
      },
      open,
    ),
    { examples: [example.metrics] },
  );

export const RequestMetricsSchema = () =>
  Type.Array(
    Type.Object(
      {
        id: count,
        timestamp: time,
        model: text,
        cache_tokens: orNull(count),
        input_tokens: orNull(count),
        output_tokens: orNull(count),
        prompt_per_second: orNull(Type.Number()),
        tokens_per_second: orNull(Type.Number()),
        duration_ms: count,
      },
      open,
    ),
    { examples: [example.requestMetrics] },
  );

export const DownloadBody = Type.Object(
  {
    url: Type.Optional(Type.String({ maxLength: 8192 })),
    modelId: Type.Optional(Type.String({ maxLength: 256 })),
    filename: Type.Optional(Type.String({ maxLength: 1024 })),
    hfApiKey: Type.Optional(Type.String({ maxLength: 512 })),
    destinationPath: Type.Optional(Type.String({ maxLength: 4096 })),
    files: Type.Optional(Type.Array(Type.String({ maxLength: 8192 }), { maxItems: 1000 })),
    isMultiPart: Type.Optional(Type.Boolean()),
    quantization: Type.Optional(Type.String({ maxLength: 64 })),
  },
  {
    ...open,
    examples: [{ url: '{{downloadUrl}}', modelId: 'stories260k', filename: 'stories260k.gguf' }],
  },
);

export const DownloadStartedSchema = () =>
  Type.Object(
    {
      downloadId: text,
      downloadIds: Type.Optional(texts),
      status: text,
      modelId: text,
      filename: text,
    },
    { ...open, examples: [example.downloadStarted] },
  );

export const DownloadSchema = () =>
  Type.Object(
    {
      id: text,
      modelId: text,
      filename: text,
      url: text,
      status: Type.String({ description: 'pending, downloading, paused, completed, failed or cancelled.' }),
      progress: orNull(Type.Number({ description: '0 to 100; null while the size is not known.' })),
      downloadedBytes: count,
      totalBytes: orNull(count),
      speed: Type.String({ description: '`15.2 MB/s`; empty while nothing comes.' }),
      eta: Type.String({ description: '`2m 15s`; empty while it is not known.' }),
      error: Type.Optional(text),
    },
    { ...open, examples: [example.download] },
  );
export const DownloadsSchema = () => Type.Record(Type.String(), DownloadSchema(), { examples: [example.downloads] });
export const DownloadChangedSchema = () =>
  Type.Object({ status: text, downloadId: text }, { ...open, examples: [example.downloadChanged] });
export const CancelBody = Type.Object(
  { downloadId: Type.String({ minLength: 1, maxLength: 256 }) },
  { ...open, examples: [{ downloadId: '{{runningDownload}}' }] },
);

export const DestinationsSchema = () =>
  Type.Object(
    {
      destinations: Type.Array(
        Type.Object(
          {
            path: text,
            name: text,
            type: text,
            enabled: Type.Boolean(),
            modelCount: count,
            description: text,
            lastScanned: Type.Optional(orNull(time)),
          },
          open,
        ),
      ),
      count,
    },
    { ...open, examples: [example.destinations] },
  );
