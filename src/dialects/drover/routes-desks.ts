// Our own routes about downloads, repositories and the making of a configuration. Each is one call to the core.
import type { Static } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import { frameStream, NDJSON_HEADERS } from '../../base/frames.ts';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import type { EntryWishes } from '../../core/model-entries.ts';
import { SEARCH_ORDERS } from '../../models/hub-search.ts';
import { bodyOf, countIn, isTrue, pathOf, queryOf, readFields, restOf, wordIn } from '../intake.ts';
import { generateFeed } from './feeds.ts';
import { described } from './operations.ts';
import * as op from './operations-desks.ts';
import { GenerateBody, PullBody } from './schema-desks.ts';

const ONE = '/drover/downloads/';

export function deskRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  const { downloads } = desks;
  app
    .get('/drover/offer', ({ request }) => offer(desks, request), { detail: described(op.OFFER) })
    .get('/drover/search', ({ request }) => search(desks, request), { detail: described(op.SEARCH) })
    .get('/drover/logs/history', ({ request }) => logHistory(drover, desks, request), {
      detail: described(op.LOG_HISTORY),
    })
    .get('/drover/destinations', async () => ({ destinations: await desks.folders.rooms() }), {
      detail: described(op.DESTINATIONS),
    })
    .get('/drover/downloads', () => ({ downloads: downloads.list() }), { detail: described(op.DOWNLOADS) })
    .post('/drover/downloads', ({ request }) => pull(desks, request), { parse: 'none', detail: described(op.PULL) })
    .post('/drover/downloads/:id/pause', ({ request }) => act(request, downloads.pause), {
      parse: 'none',
      detail: described(op.PAUSE),
    })
    .post('/drover/downloads/:id/resume', ({ request }) => act(request, downloads.resume), {
      parse: 'none',
      detail: described(op.RESUME),
    })
    .post('/drover/downloads/:id/cancel', ({ request }) => act(request, downloads.cancel), {
      parse: 'none',
      detail: described(op.CANCEL),
    })
    .delete('/drover/downloads/:id', ({ request }) => act(request, (id) => forget(desks, id)), {
      parse: 'none',
      detail: described(op.FORGET),
    })
    .delete('/drover/models/*', ({ request }) => removeModel(desks, request), {
      parse: 'none',
      detail: described(op.REMOVE_MODEL),
    })
    .post('/drover/generate', ({ request }) => generate(drover, desks, request), {
      parse: 'none',
      detail: described(op.GENERATE),
    });
}

async function offer({ downloads }: Desks, request: Request): Promise<unknown> {
  const repository = queryOf(request).get('repository') ?? '';
  if (repository === '') throw new Fault('bad_request', 'repository is required', { details: { field: 'repository' } });
  return downloads.offer(repository, { signal: request.signal });
}

async function search({ downloads }: Desks, request: Request): Promise<unknown> {
  const query = queryOf(request);
  const limit = countIn(query, 'limit', 20, 1, 100);
  const order = wordIn(query, 'sort', SEARCH_ORDERS, 'downloads');
  return { models: await downloads.search(query.get('query') ?? '', { limit, order, signal: request.signal }) };
}

async function logHistory(drover: Drover, { logHistory: history }: Desks, request: Request): Promise<unknown> {
  const query = queryOf(request);
  const beforeMs = countIn(query, 'before', 8.64e15, 0, 8.64e15);
  const limit = countIn(query, 'limit', 1000, 1, 5000);
  const name = query.get('model');
  const modelId = name === null || name === '' ? null : drover.model(name).id;
  return history.page({ beforeMs, limit, modelId }, request.signal);
}

async function pull({ downloads }: Desks, request: Request): Promise<unknown> {
  const { reference, ...options } = await bodyOf(request, PullBody);
  return downloads.pull(reference, { ...options, signal: request.signal });
}

async function act(request: Request, work: (id: string) => Promise<unknown>): Promise<unknown> {
  // The body is ignored, but its sender must not be kept waiting for somebody to read it.
  await readFields(request);
  return work(restOf(pathOf(request), ONE).replace(/\/(?:pause|resume|cancel)\/?$/, ''));
}

async function forget({ downloads }: Desks, id: string): Promise<unknown> {
  await downloads.remove(id);
  return { removed: true };
}

const removeModel = ({ configuration }: Desks, request: Request): Promise<unknown> =>
  configuration.remove(restOf(pathOf(request), '/drover/models/'), isTrue(queryOf(request).get('file')));

async function generate(drover: Drover, desks: Desks, request: Request): Promise<unknown> {
  const { folder, ...wishes } = await bodyOf(request, GenerateBody);
  const work = () => desks.folders.make(folder ?? null, toWishes(wishes));
  if (!isTrue(queryOf(request).get('stream'))) return work();
  return new Response(
    frameStream((signal) => generateFeed(drover, work, signal), {
      signal: request.signal,
      heartbeat: '\n',
      onError: () => null,
    }),
    { headers: NDJSON_HEADERS },
  );
}

const toWishes = (body: Omit<Static<typeof GenerateBody>, 'folder'>): EntryWishes => ({
  enableJinja: body.enableJinja,
  throughputFirst: body.throughputFirst,
  minContextTokens: body.minContext,
  preferredContextTokens: body.preferredContext,
  backend: body.backend,
  vramGb: body.vram,
  ramGb: body.ram,
});
