// ClaraCore's API: models at work, their events, figures and logs here; machine, configuration and downloads beside it.
// Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { mayDo } from '../../access/identity.ts';
import { frameStream, SSE_HEADERS } from '../../base/frames.ts';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import { pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { described } from './described.ts';
import { ClaraFeed } from './feed.ts';
import { logText } from './log-text.ts';
import { configRoutes } from './routes-config.ts';
import { downloadRoutes } from './routes-downloads.ts';
import { systemRoutes } from './routes-system.ts';
import { RequestMetricsSchema, UnloadedSchema } from './schema-models.ts';
import { metricsToWire, requestsToWire } from './shape-models.ts';

const UNLOAD = '/api/models/unload/';
const LOGS = '/logs/stream/';

export function claraRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  const feed = new ClaraFeed({
    drover,
    downloads: () => desks.downloads.list().filter((job) => job.finishedAt === null),
  });
  systemRoutes(app, drover, desks);
  configRoutes(app, desks);
  downloadRoutes(app, desks);
  logRoutes(app, drover);
  app
    .get('/api/events', ({ request }) => events(feed, request), {
      detail: described({
        summary: 'Server-sent events: models, log, metrics, downloads, progress of set-ups',
        description: 'Each event is `{"type": …, "data": "<JSON as text>"}`. Log lines are sent to admins only.',
        answer: null,
        answerType: 'text/event-stream',
      }),
    })
    .get('/api/metrics/requests', () => requestsToWire(drover.requests(1000), drover.usage()), {
      detail: described({ summary: 'The latest requests one by one, oldest first', answer: RequestMetricsSchema }),
    })
    .post('/api/models/unload', ({ request }) => unload(drover, request, null), {
      parse: 'none',
      detail: described({ summary: 'Stop all models; their requests may finish', answer: UnloadedSchema }),
    })
    .post(`${UNLOAD}*`, ({ request }) => unload(drover, request, restOf(pathOf(request), UNLOAD)), {
      parse: 'none',
      detail: described({
        summary: 'Stop one model',
        parameters: [{ name: 'id', in: 'path', description: 'Id or alias.', example: '{{model}}' }],
        answer: UnloadedSchema,
        errors: [404],
      }),
    });
}

/** GET /api/metrics where nobody wants a stream. */
export const claraMetrics = (drover: Pick<Drover, 'usage' | 'instances'>) =>
  metricsToWire(drover.usage(), drover.instances());

/** In a log anything may stand. */
const events = (feed: ClaraFeed, request: Request): Response =>
  new Response(feed.open(request.signal, mayDo(request, 'admin')), { headers: SSE_HEADERS });

function logRoutes(app: AnyElysia, drover: Drover): void {
  const text = { answer: null, answerType: 'text/plain' } as const;
  const history = { name: 'no-history', in: 'query', description: 'Only what comes from now on.' } as const;
  app
    .get('/logs', ({ request }) => logs(drover, request, null, false), {
      detail: described({ summary: 'The recent log as text', ...text }),
    })
    .get('/logs/stream', ({ request }) => logs(drover, request, null, true), {
      detail: described({ summary: 'The log as text, going on', parameters: [history], ...text }),
    })
    .get(`${LOGS}*`, ({ request }) => logs(drover, request, restOf(pathOf(request), LOGS), true), {
      detail: described({
        summary: 'The same of one source: proxy, upstream or a model',
        parameters: [{ name: 'id', in: 'path', description: 'proxy, upstream or a model.', example: 'proxy' }, history],
        errors: [404],
        ...text,
      }),
    });
}

function logs(drover: Drover, request: Request, source: string | null, isFollowed: boolean): Response {
  const isWord = source === null || source === 'proxy' || source === 'upstream';
  const choice = isWord ? source : drover.model(source).id;
  const hasHistory = !queryOf(request).has('no-history');
  return new Response(
    frameStream((signal) => logText(drover, { choice, hasHistory, isFollowed }, signal), {
      signal: request.signal,
      heartbeat: null,
      onError: () => null,
    }),
    { headers: { ...SSE_HEADERS, 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' } },
  );
}

/** A body says nothing here, but its sender must not be kept waiting for somebody to read it. */
async function unload(drover: Drover, request: Request, name: string | null): Promise<unknown> {
  await readFields(request);
  if (name === null) await drover.stopAll();
  else await drover.stop(name);
  return { msg: 'ok' };
}
