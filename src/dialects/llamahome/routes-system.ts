// LlamaHome's utilities: health, log, findings, figures, caches, the end. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { frameStream } from '../../base/frames.ts';
import type { Drover } from '../../core/drover.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import { type Parameter, streamedText } from '../described.ts';
import { isTrue, queryOf } from '../intake.ts';
import { bodyOf, fieldsOf } from './body.ts';
import { findingsFeed, logFeed, metricsFeed, metricsOf } from './feeds.ts';
import { toLogSearch } from './log-entries.ts';
import { framingFor, headersFor } from './prompt-stream.ts';
import { get, post } from './routes-names.ts';
import { ClearBody, ClearedSchema, DiagnosticsSchema, HealthSchema, StoppingSchema } from './schema-system.ts';
import { clearedToWire, findingsToWire, healthToWire } from './shape-system.ts';
import { type Framing, failToWire } from './stream.ts';

export interface SystemRoutes {
  readonly drover: Drover;
  readonly home: HomeDesk;
}

const NDJSON = 'application/x-ndjson';
const SSE = 'text/event-stream';
const query = (name: string, description: string): Parameter => ({ name, in: 'query', description });

export function systemRoutes(app: AnyElysia, at: SystemRoutes): void {
  const { drover } = at;
  get(app, 'health_check', () => healthToWire(drover.status(), Date.now()), {
    summary: 'How the server and its models are',
    answer: HealthSchema,
    errors: [401, 403, 429],
  });
  get(app, 'logs', (request) => logs(at, request), {
    summary: 'The log',
    description: 'A JSON object a line: timestamp, level, source, message, fields; the oldest first.',
    parameters: [
      query('level', 'debug, info, warn or error: that or worse.'),
      query('limit', 'So many of the latest entries; 100 unless said otherwise.'),
      query('start_time', 'ISO 8601: nothing older.'),
      query('end_time', 'ISO 8601: nothing newer.'),
      query('follow', 'Further entries as they come, without end.'),
    ],
    answer: () => streamedText('Entries of the log.'),
    answerType: NDJSON,
    alternatives: { [SSE]: () => streamedText('The same as events.') },
    errors: [400, 401, 403, 429],
  });
  post(app, 'clear_cache', (request) => clear(at, request), {
    summary: 'Throw temporary data away: prompts that engines remember, leftovers of downloads',
    description: 'Never models. What could not be cleared is said, and why.',
    body: { schema: ClearBody, isOptional: true },
    answer: ClearedSchema,
    errors: [401, 403, 422, 429, 500],
  });
  get(app, 'diagnostics', (request) => diagnose(at, request), {
    summary: 'What is wrong here, and how to mend it',
    parameters: [query('stream', 'Each finding as soon as it is found.')],
    answer: DiagnosticsSchema,
    alternatives: {
      [NDJSON]: () => streamedText('A finding a line, then {"done": true}.'),
      [SSE]: () => streamedText('The same as events.'),
    },
    errors: [401, 403, 429, 500],
  });
  post(app, 'shutdown', (request) => shutDown(at, request), {
    summary: 'End the server: requests in flight may finish, then all models are stopped',
    answer: StoppingSchema,
    errors: [401, 403, 429, 501],
  });
}

const streamed = (
  request: Request,
  framing: Framing,
  frames: (signal: AbortSignal) => AsyncGenerator<string, void, void>,
): Response =>
  new Response(
    frameStream(frames, {
      signal: request.signal,
      heartbeat: framing.heartbeat,
      onError: (thrown) => framing.frame(failToWire(thrown)),
    }),
    { headers: headersFor(framing) },
  );

/** By a query or by the kind of answer that is accepted. */
export const wantsStream = (request: Request): boolean => {
  const accept = request.headers.get('accept') ?? '';
  return accept.includes(SSE) || accept.includes(NDJSON) || isTrue(queryOf(request).get('stream'));
};

function logs({ home }: SystemRoutes, request: Request): Response {
  const asked = queryOf(request);
  const search = toLogSearch(asked, isTrue(asked.get('follow')));
  const framing = framingFor(request);
  return streamed(request, framing, (signal) => logFeed(home, search, framing, signal));
}

async function clear({ home }: SystemRoutes, request: Request): Promise<unknown> {
  const { reload = false } = await bodyOf(request, ClearBody, home.bodyLimitMib);
  return clearedToWire(await home.clearCaches(reload));
}

async function diagnose({ home }: SystemRoutes, request: Request): Promise<unknown> {
  const framing = framingFor(request);
  if (wantsStream(request)) return streamed(request, framing, (signal) => findingsFeed(home, framing, signal));
  return findingsToWire(await Array.fromAsync(home.findings()), Date.now());
}

/** GET /api/metrics where LlamaHome is asked: a stream where one is wanted, else the figures once. */
export function llamahomeMetrics({ drover }: Pick<SystemRoutes, 'drover'>, request: Request): unknown {
  if (!wantsStream(request)) return metricsOf(drover);
  const framing = framingFor(request);
  return streamed(request, framing, (signal) => metricsFeed(drover, framing, signal));
}

async function shutDown({ drover, home }: SystemRoutes, request: Request): Promise<unknown> {
  await fieldsOf(request, home.bodyLimitMib);
  drover.lifecycle.shutDown('a request asked for it');
  return { status: 'success', message: 'Drover is stopping.' };
}
