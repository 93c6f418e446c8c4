// Between OpenAI's wire and our words: errors, model entries, llama-swap's `running`. Pure.
import { type Fault, type FaultKind, statusOf } from '../../base/fault.ts';
import type { ModelView } from '../../core/drover.ts';

const TYPES: Partial<Record<FaultKind, string>> = {
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  rate_limited: 'rate_limit_error',
  unavailable: 'unavailable_error',
  not_supported: 'not_supported_error',
  bad_gateway: 'engine_error',
  does_not_fit: 'insufficient_memory_error',
};
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
};

/** `/v1/messages` and what is below it speak Anthropic's API. */
export const isAnthropic = (path: string): boolean => path === '/v1/messages' || path.startsWith('/v1/messages/');

const isUnknownModel = (fault: Fault): boolean => fault.kind === 'not_found' && nearNamesOf(fault) !== null;

function nearNamesOf(fault: Fault): readonly string[] | null {
  const { nearNames } = fault.details;
  return Array.isArray(nearNames) ? nearNames.map(String) : null;
}

/** What happened, what is near, what to do: most clients show only this. */
function sentenceOf(fault: Fault): string {
  const missing = (nearNamesOf(fault) ?? []).filter((name) => !fault.message.includes(name));
  const near = missing.length === 0 ? '' : ` Near names: ${missing.join(', ')}.`;
  return `${fault.message}${near}${fault.hint === undefined ? '' : ` ${fault.hint}`}`;
}

export function errorBody(fault: Fault, path: string): Record<string, unknown> {
  const status = statusOf(fault.kind);
  const message = sentenceOf(fault);
  if (isAnthropic(path)) {
    const type = ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
    return { type: 'error', error: { type, message } };
  }
  const isUnknown = isUnknownModel(fault);
  const { param, logLines } = fault.details;
  return {
    error: {
      message,
      type: TYPES[fault.kind] ?? (status < 500 ? 'invalid_request_error' : 'server_error'),
      param: isUnknown ? 'model' : typeof param === 'string' ? param : null,
      code: isUnknown ? 'model_not_found' : fault.kind,
      // The engine's last words, where it failed.
      ...(Array.isArray(logLines) && logLines.length > 0 ? { engine_log: logLines.map(String) } : {}),
    },
  };
}

const STATE_WORDS: Readonly<Record<string, string>> = { ready: 'loaded', starting: 'loading', failed: 'failed' };

/** An entry of `GET /v1/models`, with llama.cpp's `meta` and `status`. */
export function modelToWire(view: ModelView) {
  const state = view.instance?.state ?? 'stopped';
  return {
    id: view.id,
    object: 'model' as const,
    created: Math.floor(view.createdAt / 1000),
    owned_by: 'claracore' as const,
    permission: [],
    root: view.id,
    parent: null,
    ...(view.aliases.length > 0 ? { aliases: [...view.aliases] } : {}),
    ...(view.description === null ? {} : { description: view.description }),
    name: view.title,
    meta: {
      n_ctx_train: view.contextTokens,
      n_params: view.parameterCount,
      size: view.sizeBytes,
      ftype: view.quantization,
      kind: view.kind,
    },
    status: { value: STATE_WORDS[state] ?? 'unloaded' },
  };
}

/** An entry of llama-swap's `GET /running`. */
export function runningToWire(view: ModelView) {
  const { instance } = view;
  return {
    model: view.id,
    state: instance?.state ?? 'stopped',
    name: view.title,
    description: view.description ?? '',
    proxy: instance?.portNumber == null ? '' : `http://127.0.0.1:${instance.portNumber}`,
    ttl: instance?.ttlMs == null ? 0 : Math.round(instance.ttlMs / 1000),
  };
}
