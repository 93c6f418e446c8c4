// Our own routes about the chats of the page. Each is one call to the core; whose chats they are is the caller's identity.
import type { AnyElysia } from 'elysia';
import { identityOf } from '../../access/identity.ts';
import { Fault } from '../../base/fault.ts';
import { frameStream } from '../../base/frames.ts';
import { markdownOf } from '../../core/chat-records.ts';
import { type Chats, type Owners, ownersOf } from '../../core/chats.ts';
import type { Desks } from '../../core/desks.ts';
import { bodyOf, countIn, INFERENCE_LIMIT_BYTES, pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { described } from './operations.ts';
import * as op from './operations-chats.ts';
import { ChangeChatBody, ImportBody, MessageBody, NewChatBody } from './schema-chats.ts';
import { fileNameOf, toWholes } from './shape-chats.ts';

const ONE = '/drover/chats/';
const owners = (request: Request): Owners => ownersOf(identityOf(request));
const partsOf = (request: Request): readonly string[] => restOf(pathOf(request), ONE).split('/');
const idOf = (request: Request): string => partsOf(request)[0] ?? '';
const messageIdOf = (request: Request): string => partsOf(request)[2] ?? '';

export function chatRoutes(app: AnyElysia, { chats }: Desks): void {
  app
    .get('/drover/chats', ({ request }) => list(chats, request), { detail: described(op.CHATS) })
    .post('/drover/chats', async ({ request }) => chats.create(owners(request), await bodyOf(request, NewChatBody)), {
      parse: 'none',
      detail: described(op.NEW_CHAT),
    })
    .delete('/drover/chats', ({ request }) => removeAll(chats, request), {
      parse: 'none',
      detail: described(op.REMOVE_CHATS),
    })
    .get('/drover/chats/export', ({ request }) => exportAll(chats, request), { detail: described(op.EXPORT_CHATS) })
    .post('/drover/chats/import', ({ request }) => importAll(chats, request), {
      parse: 'none',
      detail: described(op.IMPORT_CHATS),
    })
    .get('/drover/chats/:id', ({ request }) => chats.get(owners(request), idOf(request)), {
      detail: described(op.CHAT),
    })
    .patch(
      '/drover/chats/:id',
      async ({ request }) => chats.change(owners(request), idOf(request), await bodyOf(request, ChangeChatBody)),
      { parse: 'none', detail: described(op.CHANGE_CHAT) },
    )
    .delete('/drover/chats/:id', ({ request }) => remove(chats, request), {
      parse: 'none',
      detail: described(op.REMOVE_CHAT),
    })
    .get('/drover/chats/:id/export', ({ request }) => exportOne(chats, request), { detail: described(op.EXPORT_CHAT) })
    .put('/drover/chats/:id/messages/:message', ({ request }) => put(chats, request), {
      parse: 'none',
      detail: described(op.PUT_MESSAGE),
    })
    .delete('/drover/chats/:id/messages/:message', ({ request }) => removeMessage(chats, request), {
      parse: 'none',
      detail: described(op.REMOVE_MESSAGE),
    });
}

function list(chats: Chats, request: Request): unknown {
  const query = queryOf(request);
  const before = query.has('before') ? countIn(query, 'before', 0, 0, 1_000_000_000) : null;
  return chats.list(owners(request), query.get('query') ?? '', countIn(query, 'limit', 50, 1, 500), before);
}

async function put(chats: Chats, request: Request): Promise<unknown> {
  const message = await bodyOf(request, MessageBody, INFERENCE_LIMIT_BYTES);
  return chats.put(owners(request), idOf(request), { id: messageIdOf(request), ...message });
}

async function removeMessage(chats: Chats, request: Request): Promise<unknown> {
  await readFields(request);
  return chats.removeMessage(owners(request), idOf(request), messageIdOf(request));
}

async function remove(chats: Chats, request: Request): Promise<unknown> {
  // The body is ignored, but its sender must not be kept waiting for somebody to read it.
  await readFields(request);
  chats.remove(owners(request), idOf(request));
  return { removedCount: 1 };
}

async function removeAll(chats: Chats, request: Request): Promise<unknown> {
  await readFields(request);
  return { removedCount: chats.removeAll(owners(request)) };
}

async function importAll(chats: Chats, request: Request): Promise<unknown> {
  const body = await bodyOf(request, ImportBody, INFERENCE_LIMIT_BYTES);
  if (body.chats === undefined && body.messages === undefined) {
    throw new Fault('bad_request', 'Send "chats", or the "messages" of one chat.', { details: { field: 'chats' } });
  }
  return { chats: chats.import(owners(request), toWholes(body, crypto.randomUUID(), Date.now())) };
}

const attached = (contentType: string, name: string): Record<string, string> => ({
  'content-type': contentType,
  'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
});

function exportOne(chats: Chats, request: Request): Response {
  const format = queryOf(request).get('format') ?? 'json';
  if (format !== 'json' && format !== 'markdown') {
    throw new Fault('bad_request', '"format" is json or markdown.', { details: { field: 'format' } });
  }
  const whole = chats.get(owners(request), idOf(request));
  const { title } = whole.chat;
  if (format === 'markdown') {
    return new Response(markdownOf(whole.chat, whole.messages), {
      headers: attached('text/markdown; charset=utf-8', fileNameOf(title, 'md')),
    });
  }
  return new Response(JSON.stringify({ chats: [whole] }), {
    headers: attached('application/json', fileNameOf(title, 'json')),
  });
}

function exportAll(chats: Chats, request: Request): Response {
  const all = chats.all(owners(request));
  const frames = async function* (): AsyncGenerator<string, void, void> {
    let lead = '{"chats":[';
    for (const whole of all) {
      yield lead + JSON.stringify(whole);
      lead = ',\n';
    }
    yield lead === ',\n' ? ']}' : `${lead}]}`;
  };
  return new Response(frameStream(frames, { signal: request.signal, heartbeat: null, onError: () => null }), {
    headers: attached('application/json', 'drover-chats.json'),
  });
}
