// BeautyAI's routes about chats, tests and sessions. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault, toFault } from '../../base/fault.ts';
import { frameStream, SSE_HEADERS, sseComment } from '../../base/frames.ts';
import type { TurnOutcome } from '../../core/conversation.ts';
import type { Desks } from '../../core/desks.ts';
import type { GenerationPiece } from '../../core/generation.ts';
import { streamedText } from '../described.ts';
import { bodyOf, pathOf, restOf } from '../intake.ts';
import { described } from './described.ts';
import {
  ChatBody,
  ChatSchema,
  LoadedSessionSchema,
  LoadSessionBody,
  SaveBody,
  SavedSchema,
  SessionDeletedSchema,
  SessionsSchema,
  TestBody,
  TestSchema,
} from './schema-inference.ts';
import { errorBody } from './shape.ts';
import {
  chatToWire,
  loadedSessionToWire,
  savedToWire,
  sessionDeletedToWire,
  sessionsToWire,
  testToWire,
  toTest,
  toTurn,
} from './shape-inference.ts';
import { failFrame, finishFrame, reasoningFrame, stepFrame } from './stream.ts';
import { answeredAfter, timed } from './timing.ts';

export function inferenceRoutes(app: AnyElysia, desks: Desks): void {
  const { sessions } = desks;
  app
    .post('/inference/chat', ({ request }) => chat(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Chat with a model; the session goes on where it was',
        description:
          'With `"stream": true` the answer is a stream of events: `{"delta"}` for each piece, then what would have been the answer.',
        body: { schema: ChatBody },
        answer: ChatSchema,
        alternatives: { 'text/event-stream': streamedText('`data:` lines, one JSON object each.') },
        errors: [404],
      }),
    })
    .post('/inference/test', ({ request }) => timed(() => test(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Ask a model once and hold the answer against criteria',
        description: 'An answer that does not meet them is no failure: `validation_result` says so.',
        body: { schema: TestBody },
        answer: TestSchema,
        errors: [404],
      }),
    })
    .post('/inference/sessions/save', ({ request }) => timed(() => save(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Save a session as a file in the sessions’ folder',
        description: 'Without `session_data`, what the server has of it. `file_path` is the name to load it by.',
        body: { schema: SaveBody },
        answer: SavedSchema,
        errors: [404],
      }),
    })
    .post('/inference/sessions/load', ({ request }) => timed(() => load(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Load a saved session; chats go on from there',
        body: { schema: LoadSessionBody },
        answer: LoadedSessionSchema,
        errors: [404],
      }),
    })
    .get('/inference/sessions', () => timed(() => sessionsToWire(sessions.list())), {
      detail: described({ summary: 'Sessions: those of the server and those that were saved', answer: SessionsSchema }),
    })
    .delete('/inference/sessions/:name', ({ request }) => timed(() => remove(desks, request)), {
      detail: described({
        summary: 'Delete a session and its file',
        parameters: [{ name: 'name', in: 'path', description: 'Its id, or its file’s name.', example: '{{session}}' }],
        answer: SessionDeletedSchema,
        errors: [400, 404],
      }),
    });
}

async function chat({ conversation }: Desks, request: Request): Promise<unknown> {
  const began = performance.now();
  const words = await bodyOf(request, ChatBody);
  const pieces = conversation.turn(toTurn(words), { signal: request.signal });
  if (words.stream === true) return streamed(pieces, request.signal, began);
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return answeredAfter(performance.now() - began, chatToWire(value));
  }
}

/** What fails before the first piece has a status of its own. */
async function streamed(
  pieces: AsyncGenerator<GenerationPiece, TurnOutcome, void>,
  signal: AbortSignal,
  began: number,
): Promise<Response> {
  const first = await pieces.next();
  async function* frames(): AsyncGenerator<string, void, void> {
    try {
      for (let next = first; ; next = await pieces.next()) {
        if (next.done === true) {
          yield finishFrame(answeredAfter(performance.now() - began, chatToWire(next.value)));
          return;
        }
        yield next.value.kind === 'text' ? stepFrame(next.value.text) : reasoningFrame(next.value.text);
      }
    } finally {
      // Whoever leaves takes the engine's work with him.
      await pieces.return(undefined as never);
    }
  }
  const body = frameStream(frames, {
    signal,
    heartbeat: sseComment('still here'),
    onError: (thrown) => failFrame(errorBody(toFault(thrown), Date.now())),
  });
  return new Response(body, { headers: SSE_HEADERS });
}

async function test({ conversation }: Desks, request: Request): Promise<object> {
  const words = await bodyOf(request, TestBody);
  const answer = await conversation.answer(toTest(words), { signal: request.signal });
  return testToWire(answer, words.prompt, words.validation_criteria ?? null);
}

async function save({ sessions }: Desks, request: Request): Promise<object> {
  const { session_id: id, session_data: data, output_file: file } = await bodyOf(request, SaveBody);
  const isGiven = data != null && Object.keys(data).length > 0;
  return savedToWire(sessions.save(id, isGiven ? (data as Readonly<Record<string, unknown>>) : null, file ?? null));
}

const load = async ({ sessions }: Desks, request: Request): Promise<object> =>
  loadedSessionToWire(sessions.load((await bodyOf(request, LoadSessionBody)).input_file));

function remove({ sessions }: Desks, request: Request): object {
  const name = restOf(pathOf(request).split('/')[3] ?? '', '');
  if (name === '') throw new Fault('bad_request', 'The path names no session.', { details: { field: 'session_name' } });
  return sessionDeletedToWire(sessions.remove(name));
}
