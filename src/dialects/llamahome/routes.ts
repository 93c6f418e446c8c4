// LlamaHome's API: prompts, the active model, their configuration, and how the server is. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Drover } from '../../core/drover.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import { upgrade } from '../socket.ts';

import { described } from './described.ts';
import type { LlamaHomeLimits } from './limits.ts';
import { modelRoutes } from './routes-models.ts';
import { promptRoutes } from './routes-prompts.ts';
import { systemRoutes } from './routes-system.ts';
import { Talk } from './talk.ts';

export interface LlamaHomeOptions {
  readonly drover: Drover;
  readonly home: HomeDesk;
  readonly limits: LlamaHomeLimits;
  /** Milliseconds after which a stream whose model still loads gets its headers. */
  readonly silenceMs: number;
}

export function llamahomeRoutes(app: AnyElysia, options: LlamaHomeOptions): void {
  promptRoutes(app, options);
  modelRoutes(app, options);
  systemRoutes(app, options);
  app.get('/v1/ws', ({ request, server }) => upgrade(request, server, new Talk({ ...options, request })), {
    detail: described({
      summary: 'A WebSocket: events as they happen, and prompts answered piece by piece',
      description:
        'Each message is {"type", "timestamp", "data"}: model_status, model_progress, request_queued, request_finished, models_changed, config_changed, server_stopping, and log for admins. {"type": "process", "prompt", "id"} is answered by chunk…, then done or error, each with that id; {"type": "cancel", "id"} ends one.',
      answer: null,
      errors: [400, 401, 403, 429],
      // Without an upgrade.
      exampleStatus: 400,
    }),
  });
}
