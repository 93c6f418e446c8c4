// LlamaHome's prompts: one answered as a whole or as it comes, several in one request. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import { streamedText } from '../described.ts';
import { bodyOf } from './body.ts';
import type { LlamaHomeLimits } from './limits.ts';
import { framingFor, streamPrompt } from './prompt-stream.ts';
import { post } from './routes-names.ts';
import { AnswerSchema, ProcessBody, ProcessedSchema, PromptBody, processExamples } from './schema.ts';
import { answerToWire, batchToWire, processedToWire, toPrompt, type WirePrompt } from './shape.ts';

export interface PromptRoutes {
  readonly home: HomeDesk;
  readonly limits: LlamaHomeLimits;
  readonly silenceMs: number;
}

const ERRORS = [400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503];
const FRAMES = streamedText('{"chunk", "index"}…, then {"done": true, "usage"} or {"error"}.');

export function promptRoutes(app: AnyElysia, at: PromptRoutes): void {
  post(app, 'process_prompt', (request) => processPrompt(at, request), {
    summary: 'Answer a prompt',
    description: 'What is left out has defaults, which `configure_model` changes for one model.',
    body: { schema: PromptBody },
    answer: AnswerSchema,
    errors: ERRORS,
  });
  post(app, 'process', (request) => process(at, request), {
    summary: 'Answer a prompt, or several',
    description:
      'With `stream` as /api/stream. With `prompts` a list of results in their order; one that fails says so in its place. Five of these a minute.',
    body: { schema: ProcessBody, examples: processExamples },
    answer: ProcessedSchema,
    errors: ERRORS,
  });
  post(app, 'stream', (request) => stream(at, request), {
    summary: 'Answer a prompt piece by piece',
    description: 'Lines of JSON, or server-sent events where Accept asks for them. Ten at once for each caller.',
    body: { schema: PromptBody },
    answer: () => FRAMES,
    answerType: 'application/x-ndjson',
    alternatives: { 'text/event-stream': () => FRAMES },
    errors: ERRORS,
  });
}

async function processPrompt({ home }: PromptRoutes, request: Request): Promise<unknown> {
  const body = await bodyOf(request, PromptBody, home.bodyLimitMib);
  return answerToWire(await home.prompting.answer(toPrompt(body.prompt, body), request.signal));
}

async function process(at: PromptRoutes, request: Request): Promise<unknown> {
  const { home } = at;
  const body = await bodyOf(request, ProcessBody, home.bodyLimitMib);
  const { prompt, prompts, stream: isStreamed = false } = body;
  if (prompts !== undefined) return batch(at, request, body, prompts);
  if (prompt === undefined) throw new Fault('bad_request', 'prompt is required', { details: { field: 'prompt' } });
  if (isStreamed) return streamed(at, request, prompt, body);
  return processedToWire(await home.prompting.answer(toPrompt(prompt, body), request.signal));
}

async function batch(
  { home, limits }: PromptRoutes,
  request: Request,
  body: WirePrompt & { readonly prompt?: string; readonly stream?: boolean },
  prompts: readonly string[],
): Promise<unknown> {
  if (body.prompt !== undefined) throw oneOnly('prompt', 'Send either "prompt" or "prompts".');
  if (body.stream === true) throw oneOnly('stream', 'Several prompts are not streamed.');
  limits.require('llamahomeBatchRate', request);
  const { outcomes, tookMs } = await home.prompting.answers(
    prompts.map((text) => toPrompt(text, body)),
    request.signal,
  );
  return batchToWire(outcomes, tookMs);
}

const oneOnly = (field: string, message: string): Fault => new Fault('unprocessable', message, { details: { field } });

async function stream(at: PromptRoutes, request: Request): Promise<Response> {
  const body = await bodyOf(request, PromptBody, at.home.bodyLimitMib);
  return streamed(at, request, body.prompt, body);
}

const streamed = (at: PromptRoutes, request: Request, text: string, body: WirePrompt): Promise<Response> =>
  streamPrompt({
    prompting: at.home.prompting,
    prompt: toPrompt(text, body),
    signal: request.signal,
    framing: framingFor(request),
    place: at.limits.holdStream(request),
    silenceMs: at.silenceMs,
  });
