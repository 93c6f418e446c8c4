// OpenAI's routes, the engine's own routes by model, and what llama-swap's users rely on. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import type { Drover } from '../../core/drover.ts';
import { metricsText } from '../../core/metrics.ts';
import { askEngineMetrics, type EngineTarget } from '../../core/metrics-engines.ts';
import { pathOf, restOf } from '../intake.ts';
import { askEngine, type InferenceOptions, inferForm, inferJson, passUpstream } from './inference.ts';
import {
  ASKED,
  described,
  ENGINE_TAG,
  OPENAI_TAG,
  RELAYED,
  SPEECH,
  TRANSCRIPTION,
  UPSTREAM_GET,
  UPSTREAM_POST,
} from './operations.ts';
import { inferRanking } from './ranking.ts';
import { HEALTH, INFO, METRICS, MODEL, MODELS, RUNNING, UNLOAD } from './server-operations.ts';
import { modelToWire, runningToWire } from './shape.ts';

export interface OpenaiOptions extends InferenceOptions {
  /** The engines that are ready now; asked for their metrics. */
  readonly engineTargets: () => readonly EngineTarget[];
}

export function openaiRoutes(app: AnyElysia, options: OpenaiOptions): void {
  const { drover } = options;
  for (const { paths, operation } of RELAYED) {
    for (const path of paths) {
      const tag = path.startsWith('/v1/') ? OPENAI_TAG : ENGINE_TAG;
      const infer = /^\/v1\/rerank/.test(path) ? inferRanking : inferJson;
      app.post(path, ({ request }) => infer(options, request), {
        parse: 'none',
        detail: described({ tag, ...operation }),
      });
    }
  }
  for (const path of ['/v1/audio/transcriptions', '/audio/transcriptions']) {
    app.post(path, ({ request }) => inferForm(options, request), { parse: 'none', detail: described(TRANSCRIPTION) });
  }
  app.post('/v1/audio/speech', ({ request }) => speak(options, request), { parse: 'none', detail: described(SPEECH) });
  for (const [path, operation] of ASKED) {
    app.get(path, ({ request }) => askEngine(options, request), { detail: described(operation) });
  }
  app
    .get('/v1/models', () => ({ object: 'list', data: listed(drover).map(modelToWire) }), {
      detail: described(MODELS),
    })
    .get('/v1/models/*', ({ request }) => modelToWire(drover.model(restOf(pathOf(request), '/v1/models/'))), {
      detail: described(MODEL),
    })
    .get('/health', ({ request }) => health(request), { detail: described(HEALTH) })
    .get('/running', () => ({ running: running(drover) }), { detail: described(RUNNING) })
    .get('/unload', ({ request }) => unload(drover, request), { detail: described(UNLOAD) })
    .post('/unload', ({ request }) => unload(drover, request), { parse: 'none', detail: described(UNLOAD) })
    .get('/info', () => info(drover), { detail: described(INFO) })
    .get('/metrics', () => metrics(options), { detail: described(METRICS) })
    .get('/upstream/*', ({ request }) => passUpstream(options, request), { detail: described(UPSTREAM_GET) })
    .post('/upstream/*', ({ request }) => passUpstream(options, request), {
      parse: 'none',
      detail: described(UPSTREAM_POST),
    })
    // Every other method too; the document shows the two that are used.
    .all('/upstream/*', ({ request }) => passUpstream(options, request), { parse: 'none', detail: { hide: true } });
}

const listed = (drover: Drover) => drover.models().filter((view) => view.isListed && view.failure === null);

const running = (drover: Drover) =>
  drover
    .models()
    .filter((view) => view.instance !== null && !['stopped', 'failed'].includes(view.instance.state))
    .map(runningToWire);

function health(request: Request): Response {
  const wantsJson = (request.headers.get('accept') ?? '').includes('application/json');
  return wantsJson ? Response.json({ status: 'ok' }) : new Response('OK');
}

async function unload(drover: Drover, request: Request): Promise<Response> {
  const name = new URL(request.url).searchParams.get('model');
  if (name === null || name === '') await drover.stopAll();
  else await drover.stop(name);
  return new Response('OK');
}

function info(drover: Drover) {
  const status = drover.status();
  return {
    name: 'drover',
    version: status.version,
    started_at: new Date(status.startedAt).toISOString(),
    engine: status.engine === null ? null : { version: status.engine.version, backend: status.engine.backend },
    model_count: status.modelCount,
    running: running(drover),
  };
}

async function metrics(options: OpenaiOptions): Promise<Response> {
  const engines = await askEngineMetrics(options.upstream, options.engineTargets());
  return new Response(metricsText(options.drover, engines), {
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
  });
}

/** No build of llama-server speaks; another program can, as a model with a `cmd`. */
async function speak(options: InferenceOptions, request: Request): Promise<Response> {
  if (options.drover.models().some((view) => view.isCustom)) return inferJson(options, request);
  throw new Fault('not_found', 'No speech engine is configured.', {
    hint: 'Add one to config.yaml: models: {my-voice: {cmd: "program --port ${PORT}", checkEndpoint: /health}}.',
  });
}
