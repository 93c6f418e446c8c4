// Our own API under /drover/: what the command line and the page use. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { mayDo } from '../../access/identity.ts';
import { Fault } from '../../base/fault.ts';
import { frameStream, NDJSON_HEADERS, SSE_HEADERS, sseComment } from '../../base/frames.ts';
import type { Drover } from '../../core/drover.ts';
import type { MachineSamples } from '../../core/machine-samples.ts';
import type { CacheType } from '../../engine/command.ts';
import { bodyOf, countIn, isTrue, pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { eventFeed, loadFeed, logFeed } from './feeds.ts';
import * as op from './operations.ts';
import { described } from './operations.ts';
import { LoadBody, PinBody, RestartBody, StopBody } from './schema.ts';
import { CACHE_TYPES } from './schema-answers.ts';
import { statusToWire } from './shape.ts';

const isCacheType = (word: string): word is CacheType => (CACHE_TYPES as readonly string[]).includes(word);

/** Often enough for somebody who looks. */
const USUAL_SAMPLES_MS = 2000;

export function droverRoutes(app: AnyElysia, drover: Drover, samples: MachineSamples | null): void {
  app
    .get('/drover/status', () => statusToWire(drover.status()), { detail: described(op.STATUS) })
    .get('/drover/models', () => ({ models: drover.models() }), { detail: described(op.MODELS) })
    .get('/drover/models/*', ({ request }) => drover.model(restOf(pathOf(request), '/drover/models/')), {
      detail: described(op.MODEL),
    })
    .post('/drover/models/load', ({ request }) => load(drover, request), { parse: 'none', detail: described(op.LOAD) })
    .post('/drover/models/stop', ({ request }) => stop(drover, request), { parse: 'none', detail: described(op.STOP) })
    .post('/drover/models/pin', ({ request }) => pin(drover, request), { parse: 'none', detail: described(op.PIN) })
    .get('/drover/fit', ({ request }) => fit(drover, request), { detail: described(op.FIT) })
    .get('/drover/instances', () => ({ instances: drover.instances() }), { detail: described(op.INSTANCES) })
    .get('/drover/verdicts', () => ({ verdicts: drover.verdicts() }), { detail: described(op.VERDICTS) })
    .get('/drover/events', ({ request }) => events(drover, samples, request), { detail: described(op.EVENTS) })
    .get('/drover/logs', ({ request }) => logs(drover, request), { detail: described(op.LOGS) })
    .get('/drover/hardware', async () => drover.hardware(), { detail: described(op.HARDWARE) })
    .get('/drover/usage', ({ request }) => usage(drover, request), { detail: described(op.USAGE) })
    .post('/drover/reload', async () => ({ touched: await drover.reload() }), {
      parse: 'none',
      detail: described(op.RELOAD),
    })
    .post('/drover/restart', ({ request }) => restart(drover, request), {
      parse: 'none',
      detail: described(op.RESTART),
    })
    .post('/drover/rescan', ({ request }) => rescan(drover, request), { parse: 'none', detail: described(op.RESCAN) });
}

async function load(drover: Drover, request: Request): Promise<unknown> {
  const { model } = await bodyOf(request, LoadBody);
  if (!isTrue(queryOf(request).get('stream'))) return drover.load(model, { signal: request.signal });
  // An unknown name has its true status; what goes wrong later is the last line.
  drover.model(model);
  return new Response(
    frameStream((signal) => loadFeed(drover, model, signal), {
      signal: request.signal,
      heartbeat: '\n',
      onError: () => null,
    }),
    { headers: NDJSON_HEADERS },
  );
}

async function stop(drover: Drover, request: Request): Promise<unknown> {
  const { model, all, force } = await bodyOf(request, StopBody);
  if (all === true) await drover.stopAll({ force: force === true });
  else if (model !== undefined) await drover.stop(model, { force: force === true });
  else throw new Fault('bad_request', 'Name a "model", or send "all": true.', { details: { field: 'model' } });
  return { instances: drover.instances() };
}

async function pin(drover: Drover, request: Request): Promise<unknown> {
  const { model, pinned } = await bodyOf(request, PinBody);
  drover.setPinned(model, pinned !== false);
  return drover.model(model);
}

async function fit(drover: Drover, request: Request): Promise<unknown> {
  const query = queryOf(request);
  const isAutomatic = (wish: string): boolean => query.get(wish) === 'auto';
  const context = isAutomatic('context') ? null : countIn(query, 'context', 0, 1, 100_000_000);
  const name = query.get('model');
  const model = name === null || name === '' ? drover.model(null).id : name;
  const cacheType = query.get('cacheType');
  if (cacheType !== null && cacheType !== 'auto' && !isCacheType(cacheType)) {
    throw new Fault('bad_request', `"cacheType" is one of ${CACHE_TYPES.join(', ')}, or auto.`, {
      details: { field: 'cacheType' },
    });
  }
  return drover.fit(model, {
    ...(context === 0 ? {} : { contextTokens: context }),
    ...(query.has('gpuLayers')
      ? { gpuLayers: isAutomatic('gpuLayers') ? null : countIn(query, 'gpuLayers', 0, 0, 100_000) }
      : {}),
    ...(query.has('slots') ? { slotCount: isAutomatic('slots') ? null : countIn(query, 'slots', 1, 1, 1024) } : {}),
    ...(cacheType === null ? {} : { cacheType: cacheType === 'auto' ? null : cacheType }),
  });
}

function events(drover: Drover, of: MachineSamples | null, request: Request): Response {
  const query = queryOf(request);
  const last = request.headers.get('last-event-id') ?? query.get('after');
  const hasLines = mayDo(request, 'admin') && (query.get('lines') === null || isTrue(query.get('lines')));
  const after = last !== null && /^\d{1,15}$/.test(last) ? Number(last) : null;
  const intervalMs = sampleInterval(query);
  if (intervalMs !== null && of === null) throw new Fault('not_supported', 'This server takes no samples.');
  const samples = intervalMs === null || of === null ? null : { of, intervalMs };
  return new Response(
    frameStream((signal) => eventFeed(drover, { after, hasLines, samples }, signal), {
      signal: request.signal,
      heartbeat: sseComment('still here'),
      onError: () => null,
    }),
    { headers: SSE_HEADERS },
  );
}

/** Null: none are wanted. */
function sampleInterval(query: URLSearchParams): number | null {
  const text = query.get('samples');
  if (text === null || /^(?:0|false)$/i.test(text)) return null;
  return isTrue(text) ? USUAL_SAMPLES_MS : countIn(query, 'samples', USUAL_SAMPLES_MS, 500, 60_000);
}

function logs(drover: Drover, request: Request): Response {
  const query = queryOf(request);
  const limit = countIn(query, 'limit', 100, 0, 100_000);
  const name = query.get('model');
  const model = name === null || name === '' ? null : drover.model(name).id;
  const isFollowed = isTrue(query.get('follow'));
  return new Response(
    frameStream((signal) => logFeed(drover, { limit, model, isFollowed }, signal), {
      signal: request.signal,
      // An empty line is no JSON value; readers of NDJSON skip it.
      heartbeat: isFollowed ? '\n' : null,
      onError: () => null,
    }),
    { headers: NDJSON_HEADERS },
  );
}

function usage(drover: Drover, request: Request): unknown {
  const limit = countIn(queryOf(request), 'limit', 50, 0, 10_000);
  return { models: drover.usage(), requests: limit === 0 ? [] : drover.requests(limit) };
}

async function restart(drover: Drover, request: Request): Promise<unknown> {
  const { hard = false } = await bodyOf(request, RestartBody);
  await drover.lifecycle.begin({ isHard: hard });
  return { status: 'restarting', hard };
}

async function rescan(drover: Drover, request: Request): Promise<unknown> {
  // The body is ignored, but its sender must not be kept waiting for somebody to read it.
  await readFields(request);
  await drover.rescan();
  return { models: drover.models() };
}
