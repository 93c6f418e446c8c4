// BeautyAI's wire shapes of the machine and the server, with examples.
import { Type } from '@sinclair/typebox';
import { count, enveloped, gigabytes, open, orNull, percent, text, time, withData } from './schema.ts';

const gb = orNull(gigabytes);
const share = orNull(percent);
const mb = orNull(Type.Number({ description: 'Of 2^20 bytes.' }));
const group = <P extends Parameters<typeof Type.Object>[0]>(fields: P) => Type.Object(fields, open);

export const StatusSchema = () =>
  enveloped(
    {
      system_info: group({
        platform: text,
        python_version: Type.String({ description: 'n/a: there is no Python here.' }),
        framework_version: text,
      }),
      memory_info: group({
        total_memory_gb: gigabytes,
        available_memory_gb: gigabytes,
        gpu_memory_gb: gb,
        memory_usage_percent: percent,
      }),
      gpu_info: group({
        gpu_available: Type.Boolean(),
        gpu_name: text,
        gpu_memory_used_gb: gb,
        gpu_utilization_percent: share,
      }),
      model_info: group({ loaded_models: Type.Array(text), total_loaded: count, default_model: orNull(text) }),
    },
    {
      system_info: { platform: 'Linux', python_version: 'n/a', framework_version: '0.1.0' },
      memory_info: {
        total_memory_gb: 31.2,
        available_memory_gb: 20.5,
        gpu_memory_gb: 24,
        memory_usage_percent: 34.3,
      },
      gpu_info: {
        gpu_available: true,
        gpu_name: 'NVIDIA GeForce RTX 4090',
        gpu_memory_used_gb: 1.5,
        gpu_utilization_percent: 3,
      },
      model_info: { loaded_models: ['{{model}}'], total_loaded: 1, default_model: '{{model}}' },
    },
  );

const memory = { total_gb: gb, available_gb: gb, used_gb: gb, usage_percent: share };
const memoryExample = { total_gb: 31.2, available_gb: 20.5, used_gb: 10.7, usage_percent: 34.3 };

export const MemorySchema = () =>
  withData(
    {
      system_memory: group(memory),
      gpu_memory: group(memory),
      process_memory: group({ rss_mb: mb, vms_mb: mb, models_rss_mb: mb }),
    },
    {
      system_memory: memoryExample,
      gpu_memory: { total_gb: 24, available_gb: 22.5, used_gb: 1.5, usage_percent: 6.25 },
      process_memory: { rss_mb: 92.1, vms_mb: 1204.5, models_rss_mb: 812.5 },
    },
  );

export const MemoryClearedSchema = () =>
  withData(
    { message: text, unloaded_models: Type.Array(text), freed_mb: Type.Number() },
    { message: 'Memory that nobody used was given back.', unloaded_models: [], freed_mb: 3.5 },
  );

export const CacheSchema = () =>
  withData(
    {
      total_cache_size_gb: gigabytes,
      cache_entries: count,
      cache_location: text,
      oldest_entry: orNull(time),
      newest_entry: orNull(time),
      prompt_caches: Type.Integer({ minimum: 0, description: 'Loaded models, each with a prompt cache in memory.' }),
    },
    {
      total_cache_size_gb: 4.7,
      cache_entries: 2,
      cache_location: '/home/me/.local/share/drover/models',
      oldest_entry: '2026-01-02T03:04:05.678Z',
      newest_entry: '2026-02-02T03:04:05.678Z',
      prompt_caches: 1,
    },
  );

export const CacheClearedSchema = () =>
  withData(
    { message: text, cleared_models: Type.Array(text), deleted_files: Type.Array(text), freed_gb: gigabytes },
    { message: '1 downloaded model is deleted.', cleared_models: ['{{model}}'], deleted_files: [], freed_gb: 4.7 },
  );

export const ResourcesSchema = () =>
  withData(
    {
      cpu: group({ usage_percent: share, cores: count, frequency_mhz: orNull(count) }),
      memory: group({ total_gb: gb, available_gb: gb, usage_percent: share }),
      gpu: group({ usage_percent: share, memory_usage_percent: share, temperature_c: orNull(Type.Number()) }),
      disk: group({ total_gb: gb, available_gb: gb, usage_percent: share }),
      network: group({ bytes_sent: orNull(count), bytes_received: orNull(count) }),
    },
    {
      cpu: { usage_percent: 12.5, cores: 16, frequency_mhz: 5000 },
      memory: { total_gb: 31.2, available_gb: 20.5, usage_percent: 34.3 },
      gpu: { usage_percent: 3, memory_usage_percent: 6.25, temperature_c: 41 },
      disk: { total_gb: 931.5, available_gb: 402.2, usage_percent: 56.8 },
      network: { bytes_sent: 123_456, bytes_received: 654_321 },
    },
  );

const metrics = {
  avg_response_time_ms: Type.Number({ description: '0 where there was no request.' }),
  total_requests: count,
  successful_requests: count,
  error_rate_percent: percent,
  throughput_requests_per_minute: Type.Number(),
  avg_memory_usage_percent: share,
  avg_gpu_usage_percent: share,
};

export const PerformanceSchema = () =>
  withData(
    { time_window_minutes: count, metrics: group(metrics), timestamp: time },
    {
      time_window_minutes: 60,
      metrics: {
        avg_response_time_ms: 820.5,
        total_requests: 12,
        successful_requests: 12,
        error_rate_percent: 0,
        throughput_requests_per_minute: 0.2,
        avg_memory_usage_percent: 34.3,
        avg_gpu_usage_percent: null,
      },
      timestamp: '2026-01-02T03:04:05.678Z',
    },
  );

export const RestartSchema = () =>
  withData(
    { message: text, restart: Type.Union([Type.Literal('soft'), Type.Literal('hard')]) },
    { message: 'The configuration is read again; unchanged models keep running.', restart: 'soft' },
  );

export const LogsSchema = () =>
  withData(
    {
      log_level: text,
      lines_requested: count,
      logs: Type.Array(group({ timestamp: time, level: text, message: text, source: text })),
      total_lines: count,
    },
    {
      log_level: 'INFO',
      lines_requested: 100,
      logs: [{ timestamp: '2026-01-02T03:04:05.678Z', level: 'INFO', message: 'engine ready', source: 'engine' }],
      total_lines: 1,
    },
  );
