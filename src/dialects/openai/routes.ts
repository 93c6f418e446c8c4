// OpenAI's routes, the engine's own routes by model, and what llama-swap's users rely on. Each is one call to the core.

import type { TSchema } from '@sinclair/typebox';
import { type AnyElysia, Elysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import type { Drover } from '../../core/drover.ts';
import { metricsText } from '../../core/metrics.ts';
import { askEngineMetrics, type EngineTarget } from '../../core/metrics-engines.ts';
import { pathOf, restOf } from '../intake.ts';
import { askEngine, type InferenceOptions, inferForm, inferJson, passUpstream } from './inference.ts';
import {
  AnySchema,
  ChatSchema,
  CompletionSchema,
  EmbeddingSchema,
  ErrorSchema,
  ModelListSchema,
  ModelSchema,
  RerankSchema,
  RunningSchema,
} from './schema.ts';
import { modelToWire, runningToWire } from './shape.ts';

/** Paths that take a JSON object with a `model` and go to its engine as they are. */
const RELAYED: readonly (readonly [path: string, summary: string, schema: TSchema])[] = [
  ['/v1/chat/completions', 'Chat', ChatSchema],
  ['/chat/completions', 'Chat', ChatSchema],
  ['/v1/chat/completions/input_tokens', 'Count the tokens of a chat', ChatSchema],
  ['/chat/completions/input_tokens', 'Count the tokens of a chat', ChatSchema],
  ['/v1/chat/completions/control', 'Steer a running chat', AnySchema],
  ['/v1/completions', 'Complete a text', CompletionSchema],
  ['/v1/embeddings', 'Embed texts', EmbeddingSchema],
  ['/embeddings', 'Embed texts', EmbeddingSchema],
  ['/embedding', 'Embed texts, as llama.cpp has it', EmbeddingSchema],
  ['/v1/rerank', 'Rank documents', RerankSchema],
  ['/v1/reranking', 'Rank documents', RerankSchema],
  ['/rerank', 'Rank documents', RerankSchema],
  ['/reranking', 'Rank documents', RerankSchema],
  ['/v1/responses', 'OpenAI responses', AnySchema],
  ['/responses', 'OpenAI responses', AnySchema],
  ['/v1/responses/input_tokens', 'Count the tokens of a response request', AnySchema],
  ['/v1/messages', 'Anthropic messages', ChatSchema],
  ['/v1/messages/count_tokens', 'Count the tokens of Anthropic messages', ChatSchema],
  ['/infill', 'Fill in the middle', AnySchema],
  ['/completion', 'Complete a text, as llama.cpp has it', CompletionSchema],
  ['/completions', 'Complete a text, as llama.cpp has it', CompletionSchema],
  ['/tokenize', 'Text to tokens', AnySchema],
  ['/detokenize', 'Tokens to text', AnySchema],
  ['/apply-template', 'Messages to a prompt', ChatSchema],
];
const ASKED: readonly string[] = ['/props', '/slots', '/lora-adapters'];

const json = (schema: TSchema) => ({ content: { 'application/json': { schema } } });
const failures = {
  400: { description: 'The body is no JSON object, or no model was named.', ...json(ErrorSchema) },
  404: { description: 'Unknown model.', ...json(ErrorSchema) },
  503: { description: 'The model did not get ready in time.', ...json(ErrorSchema) },
  507: { description: 'The model does not fit.', ...json(ErrorSchema) },
};
const described = (summary: string, answer: TSchema | null, tag = 'OpenAI') => ({
  tags: [tag],
  summary,
  responses: { 200: { description: summary, ...(answer === null ? {} : json(answer)) } },
});

export interface OpenaiOptions extends InferenceOptions {
  /** The engines that are ready now; asked for their metrics. */
  readonly engineTargets: () => readonly EngineTarget[];
}

export function openaiRoutes(options: OpenaiOptions): AnyElysia {
  const { drover } = options;
  const app = new Elysia({ name: 'openai' });
  for (const [path, summary, schema] of RELAYED) {
    app.post(path, ({ request }) => inferJson(options, request), {
      parse: 'none',
      detail: {
        tags: [path.startsWith('/v1/') ? 'OpenAI' : 'llama.cpp'],
        summary,
        requestBody: { required: true, ...json(schema) },
        responses: { 200: { description: "The engine's answer, untouched." }, ...failures },
      },
    });
  }
  for (const path of ['/v1/audio/transcriptions', '/audio/transcriptions']) {
    app.post(path, ({ request }) => inferForm(options, request), {
      parse: 'none',
      detail: {
        tags: ['OpenAI'],
        summary: 'Speech to text',
        responses: { 200: { description: 'Text.' }, ...failures },
      },
    });
  }
  app.post('/v1/audio/speech', ({ request }) => speak(options, request), {
    parse: 'none',
    detail: { tags: ['OpenAI'], summary: 'Text to speech', responses: { 200: { description: 'Sound.' }, ...failures } },
  });
  for (const path of ASKED) {
    app.get(path, ({ request }) => askEngine(options, request), {
      detail: described(`The engine's own ${path}, by ?model=`, null, 'llama.cpp'),
    });
  }
  return app
    .get('/v1/models', () => ({ object: 'list', data: listed(drover).map(modelToWire) }), {
      detail: described('All models; answers at once', ModelListSchema),
    })
    .get('/v1/models/*', ({ request }) => modelToWire(drover.model(restOf(pathOf(request), '/v1/models/'))), {
      detail: described('One model, by id or alias', ModelSchema),
    })
    .get('/health', ({ request }) => health(request), {
      detail: described('OK while the server answers; JSON when Accept asks for it', null, 'Server'),
    })
    .get('/running', () => ({ running: running(drover) }), {
      detail: described('Models that are loaded or on their way', RunningSchema, 'Server'),
    })
    .get('/unload', ({ request }) => unload(drover, request), {
      detail: described('Stop all models, or the one in ?model=', null, 'Server'),
    })
    .post('/unload', ({ request }) => unload(drover, request), {
      parse: 'none',
      detail: described('Stop all models, or the one in ?model=', null, 'Server'),
    })
    .get('/info', () => info(drover), { detail: described('Version, engine and what is loaded', null, 'Server') })
    .get('/metrics', () => metrics(options), {
      detail: described("Prometheus: our figures and each engine's", null, 'Server'),
    })
    .all('/upstream/*', ({ request }) => passUpstream(options, request), {
      parse: 'none',
      detail: described("Anything of one model's engine: /upstream/MODEL/PATH", null, 'Server'),
    });
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
