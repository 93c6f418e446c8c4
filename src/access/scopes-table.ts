// The permission table: every route's method and path, and what it asks of a caller. One row for each route of each
// dialect; `:name` stands for one segment, `*` for any rest (names with slashes). Tests hold it against the real routes.
import type { Access } from './scopes.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'ALL';

export interface Permission {
  readonly access: Access;
  readonly method: Method;
  /** Without a last slash: the router knows a path with and without. */
  readonly path: string;
}

const rows = (access: Access, method: Method, paths: readonly string[]): Permission[] =>
  paths.map((path) => ({ access, method, path }));

/** LlamaHome's names, in their two places. */
const home = (...names: readonly string[]): string[] => names.flatMap((name) => [`/api/${name}`, `/v1/${name}`]);

export const PERMISSIONS: readonly Permission[] = [
  // The shells of the pages hold no secrets; what they show is asked for with a key.
  ...rows('open', 'GET', ['/', '/health', '/ui', '/ui/*', '/favicon.ico']),
  // Its files only: the document has a row of its own, and so must whatever else may come to lie there.
  ...rows('open', 'GET', ['/docs', '/docs/*']),
  // Whoever holds a token may renew it, whatever else its user may: the verb itself looks at it.
  ...rows('open', 'POST', ['/api/auth/login', '/api/auth/refresh']),

  ...rows('known', 'GET', ['/drover/me']),

  // Inference: OpenAI's, Anthropic's and the engine's own routes.
  ...rows('chat', 'POST', ['/v1/chat/completions', '/v1/chat/completions/input_tokens']),
  ...rows('chat', 'POST', ['/v1/chat/completions/control', '/v1/completions', '/v1/embeddings']),
  ...rows('chat', 'POST', ['/v1/rerank', '/v1/reranking', '/v1/responses', '/v1/responses/input_tokens']),
  ...rows('chat', 'POST', ['/v1/messages', '/v1/messages/count_tokens']),
  ...rows('chat', 'POST', ['/v1/audio/transcriptions', '/v1/audio/speech', '/audio/transcriptions']),
  ...rows('chat', 'POST', ['/chat/completions', '/chat/completions/input_tokens', '/completion', '/completions']),
  ...rows('chat', 'POST', ['/embeddings', '/embedding', '/rerank', '/reranking', '/responses', '/infill']),
  ...rows('chat', 'POST', ['/tokenize', '/detokenize', '/apply-template']),
  ...rows('chat', 'GET', ['/props', '/slots', '/lora-adapters']),
  ...rows('chat', 'ALL', ['/upstream/*']),
  ...rows('chat', 'POST', home('process', 'process_prompt', 'stream')),
  ...rows('chat', 'GET', ['/v1/ws']),

  // The page's chats: each caller's own.
  ...rows('chat', 'GET', ['/drover/chats', '/drover/chats/export', '/drover/chats/:id', '/drover/chats/:id/export']),
  ...rows('chat', 'POST', ['/drover/chats', '/drover/chats/import']),
  ...rows('chat', 'PATCH', ['/drover/chats/:id']),
  ...rows('chat', 'PUT', ['/drover/chats/:id/messages/:message']),
  ...rows('chat', 'DELETE', ['/drover/chats', '/drover/chats/:id', '/drover/chats/:id/messages/:message']),

  // What there is and what runs.
  ...rows('model_read', 'GET', ['/v1/models', '/v1/models/*', '/info', '/running', '/docs/json']),
  ...rows('model_read', 'GET', ['/drover/models', '/drover/models/*', '/drover/fit', '/drover/details']),
  ...rows('model_read', 'GET', ['/drover/instances', '/drover/verdicts', '/drover/downloads', '/drover/destinations']),
  ...rows('model_read', 'GET', ['/api/models']),
  ...rows('model_read', 'GET', ['/drover/offer', '/drover/search', '/drover/recommended']),
  ...rows('model_read', 'GET', ['/api/models/downloads', '/api/models/downloads/:id']),
  ...rows('model_read', 'GET', ['/api/models/download-destinations']),
  ...rows('model_load', 'GET', ['/unload']),
  ...rows('model_load', 'POST', home('load_model', 'unload_model')),
  ...rows('model_load', 'POST', ['/unload', '/api/models/unload', '/api/models/unload/*']),
  ...rows('model_load', 'POST', ['/drover/models/load', '/drover/models/stop', '/drover/models/pin']),
  ...rows('model_write', 'POST', ['/drover/rescan', '/api/models/download', '/api/models/download/cancel']),
  ...rows('model_write', 'POST', ['/api/models/downloads/:id/pause', '/api/models/downloads/:id/resume']),
  ...rows('model_write', 'POST', ['/drover/downloads', '/drover/downloads/:id/pause']),
  ...rows('model_write', 'POST', ['/drover/downloads/:id/resume', '/drover/downloads/:id/cancel']),
  ...rows('model_write', 'DELETE', ['/drover/downloads/:id']),
  ...rows('model_delete', 'DELETE', ['/drover/models/*']),

  // BeautyAI's.
  ...rows('model_read', 'GET', ['/models', '/models/:name', '/models/:name/status']),
  ...rows('model_read', 'POST', ['/models/:name/validate']),
  ...rows('model_write', 'POST', ['/models', '/models/default/:name']),
  ...rows('model_write', 'PUT', ['/models/:name']),
  ...rows('model_delete', 'DELETE', ['/models/:name']),
  ...rows('model_load', 'POST', ['/models/:name/load', '/models/:name/unload']),
  ...rows('chat', 'POST', ['/inference/chat']),
  ...rows('test', 'POST', ['/inference/test']),
  ...rows('session_save', 'POST', ['/inference/sessions/save']),
  ...rows('session_load', 'POST', ['/inference/sessions/load']),
  ...rows('session_load', 'GET', ['/inference/sessions']),
  ...rows('session_delete', 'DELETE', ['/inference/sessions/:name']),
  ...rows('system_status', 'GET', ['/system/status', '/system/memory', '/system/cache', '/system/resources']),
  ...rows('system_status', 'GET', ['/system/performance']),
  ...rows('cache_clear', 'POST', ['/system/memory/clear', '/system/cache/clear']),
  ...rows('admin', 'POST', ['/system/restart']),
  ...rows('admin', 'GET', ['/system/logs']),

  // How the machine is.
  ...rows('system_status', 'GET', [
    '/metrics',
    '/drover/status',
    '/drover/hardware',
    '/drover/usage',
    '/drover/events',
    '/drover/doctor',
    '/drover/setup',
  ]),
  ...rows('system_status', 'GET', ['/api/events', '/api/metrics', '/api/metrics/requests', '/api/binary/status']),
  ...rows('system_status', 'GET', ['/api/system/specs', '/api/system/detection']),

  // Models as instances with names.
  ...rows('instance_read', 'GET', ['/api/instances', '/api/instances/:name', '/api/instances/:name/health']),
  ...rows('instance_read', 'GET', ['/api/instances/:name/logs', '/api/ws']),
  ...rows('system_status', 'GET', ['/api/system/status', '/api/system/info']),
  ...rows('config_write', 'PUT', ['/api/config']),
  ...rows('instance_write', 'POST', ['/api/instances']),
  ...rows('instance_write', 'PUT', ['/api/instances/:name']),
  ...rows('instance_write', 'DELETE', ['/api/instances/:name']),
  ...rows('instance_control', 'POST', ['/api/instances/start-all', '/api/instances/stop-all']),
  ...rows('instance_control', 'POST', ['/api/instances/:name/start', '/api/instances/:name/stop']),
  ...rows('instance_control', 'POST', ['/api/instances/:name/restart']),
  ...rows('system_status', 'GET', home('health_check', 'diagnostics')),
  ...rows('cache_clear', 'POST', home('clear_cache')),

  // The configuration. To validate a text changes nothing, whatever the method.
  ...rows('config_read', 'GET', ['/api/config', '/api/config/folders', '/api/config/validate']),
  ...rows('config_read', 'GET', ['/drover/entry', '/drover/settings', '/drover/config', '/drover/folders']),
  ...rows('config_read', 'POST', ['/drover/config/check']),
  ...rows('config_write', 'PATCH', ['/drover/settings']),
  ...rows('config_write', 'PUT', ['/drover/config']),
  ...rows('config_write', 'POST', ['/drover/folders']),
  ...rows('config_write', 'DELETE', ['/drover/folders']),
  ...rows('config_write', 'PATCH', ['/drover/entry']),
  ...rows('config_read', 'POST', ['/api/config/validate']),
  ...rows('config_read', 'GET', home('get_config')),
  ...rows('config_write', 'POST', home('configure_model', 'save_config', 'reset_config')),
  ...rows('config_read', 'GET', ['/api/settings/system', '/api/settings/hf-api-key', '/api/setup/progress']),
  ...rows('config_write', 'POST', ['/drover/reload', '/drover/generate', '/api/settings/hf-api-key', '/api/config']),
  ...rows('config_write', 'POST', ['/api/config/scan-folder', '/api/config/add-model', '/api/config/append-model']),
  ...rows('config_write', 'POST', ['/api/config/folders', '/api/config/model/*', '/api/config/regenerate-from-db']),
  ...rows('config_write', 'POST', ['/api/config/generate-all', '/api/config/validate-models']),
  ...rows('config_write', 'POST', ['/api/config/cleanup-duplicates']),
  ...rows('config_write', 'DELETE', ['/api/config/folders', '/api/config/models/*']),

  // Benchmarks.
  ...rows('model_read', 'GET', ['/api/v1/models']),
  ...rows('system_status', 'GET', ['/api/v1/hardware']),
  ...rows('benchmark', 'GET', ['/api/v1/test-types', '/api/v1/test-results', '/api/v1/test-sessions']),
  ...rows('benchmark', 'GET', ['/api/v1/test-sessions/:id', '/ws/test-progress', '/api/v1/ws/test-progress']),
  ...rows('benchmark', 'POST', ['/api/v1/test-sessions', '/api/v1/test-sessions/:id/cancel']),
  ...rows('benchmark', 'DELETE', ['/api/v1/test-sessions/:id']),
  ...rows('benchmark', 'GET', ['/drover/bench']),
  ...rows('benchmark', 'POST', ['/drover/bench/:id/cancel']),
  ...rows('benchmark', 'DELETE', ['/drover/bench/:id']),
  ...rows('benchmark', 'POST', ['/drover/bench', '/inference/benchmark']),
  ...rows('benchmark', 'GET', ['/drover/bench/:id', '/inference/benchmark/:id']),
  ...rows('shutdown', 'POST', home('shutdown')),

  // The lock itself, the server itself, and logs, in which anything may stand; feeds of events carry them to admins alone.
  ...rows('admin', 'POST', [
    '/api/settings/system',
    '/api/server/restart',
    '/api/server/restart/hard',
    '/drover/restart',
  ]),
  ...rows('system_status', 'GET', ['/drover/engine']),
  ...rows('admin', 'POST', ['/drover/engine/update', '/drover/engine/use', '/drover/engine/rollback']),
  // It asks another host.
  ...rows('admin', 'GET', ['/drover/release']),
  ...rows('admin', 'GET', ['/drover/keys']),
  ...rows('admin', 'POST', ['/drover/keys']),
  ...rows('admin', 'DELETE', ['/drover/keys/:name']),
  ...rows('admin', 'POST', [
    '/drover/setup/engine',
    '/drover/doctor/fix',
    '/api/binary/update',
    '/api/binary/update/force',
  ]),
  ...rows('admin', 'GET', ['/drover/logs', '/drover/logs/history', '/logs', '/logs/stream', '/logs/stream/*']),
  ...rows('admin', 'GET', home('logs')),
];
