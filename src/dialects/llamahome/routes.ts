// LlamaHome's API: prompts, the active model, their configuration, and how the server is. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Drover } from '../../core/drover.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import type { LlamaHomeLimits } from './limits.ts';
import { promptRoutes } from './routes-prompts.ts';

export interface LlamaHomeOptions {
  readonly drover: Drover;
  readonly home: HomeDesk;
  readonly limits: LlamaHomeLimits;
  /** Milliseconds after which a stream whose model still loads gets its headers. */
  readonly silenceMs: number;
}

export function llamahomeRoutes(app: AnyElysia, options: LlamaHomeOptions): void {
  promptRoutes(app, options);
}
