// Events as LlamaHome's WebSocket tells them: a type, a time, the data. Pure.
import type { Told } from '../../base/bus.ts';
import type { DroverEvent, Instance, Usage } from '../../core/vocabulary.ts';
import { logToWire } from './log-entries.ts';
import { isoTime, secondsOf, usageToWire } from './shape.ts';

export interface WireEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly data: unknown;
}

/** Null: it is not for this reader. In a log anything may stand, so only admins get it. */
export function eventToWire({ at, event }: Told<DroverEvent>, isAdmin: boolean): WireEvent | null {
  const said = dataOf(event, isAdmin);
  return said === null ? null : { type: said[0], timestamp: isoTime(at), data: said[1] };
}

function dataOf(event: DroverEvent, isAdmin: boolean): readonly [type: string, data: unknown] | null {
  switch (event.type) {
    case 'instance.changed':
      return ['model_status', statusToWire(event.instance, event.previous)];
    case 'instance.progress':
      return ['model_progress', { model: event.modelId, stage: event.stage, ratio: event.ratio }];
    case 'request.queued':
      return ['request_queued', { model: event.modelId, position: event.position }];
    case 'request.finished':
      return ['request_finished', requestToWire(event.usage)];
    case 'library.changed':
      return ['models_changed', { added: event.added, removed: event.removed, changed: event.changed }];
    case 'config.changed':
      return ['config_changed', { models: event.touched }];
    case 'log':
      return isAdmin ? ['log', logToWire(event.line)] : null;
    case 'server.stopping':
      return ['server_stopping', {}];
    default:
      return null;
  }
}

const statusToWire = (instance: Instance, previous: Instance['state']) => ({
  model: instance.modelId,
  status: instance.state,
  previous_status: previous,
  loaded: instance.state === 'ready',
  ...(instance.failure === null ? {} : { error: instance.failure }),
});

const requestToWire = (usage: Usage) => ({
  model: usage.modelId,
  status: usage.status,
  processing_time: secondsOf(usage.durationMs),
  usage: usageToWire(usage),
});
