// Chat in the terminal over our own API: one prompt, stdin, or a conversation. An interrupt ends the answer, not the talk.
import { createInterface } from 'node:readline/promises';
import { Fault } from '../base/fault.ts';
import { findServer, type ServerClient, sseData } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { dim, isInteractive, printJson, tell } from './terminal.ts';

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
  }[];
  readonly timings?: {
    readonly predicted_n: number;
    readonly predicted_per_second: number;
    readonly prompt_ms: number;
  };
  readonly error?: { readonly message: string };
}

const MAX_STDIN_BYTES = 64 * 1024 * 1024;

export const run: Run = async (call) => {
  const [model, prompt] = call.words;
  const spoken = Array.isArray(prompt) ? prompt.join(' ') : '';
  const piped = process.stdin.isTTY === true ? '' : await readStdin();
  const said = [spoken, piped].filter((part) => part !== '').join('\n\n');
  const running = await findServer(call.config.paths);
  if (running !== null) return talkTo(call, running, model, said, true);
  const { startQuietly } = await import('./serve.ts');
  await using server = await startQuietly(call);
  return await talkTo(call, server.client, model, said, false);
};

async function talkTo(
  call: Call,
  client: ServerClient,
  model: Call['words'][number],
  prompt: string,
  isServing: boolean,
): Promise<number> {
  const { chooseModel, pullUnknown } = await import('./model-choice.ts');
  if (typeof model !== 'string') return talk(call, client, await chooseModel(call, client, isServing), prompt);
  return talk(call, client, await pullUnknown(call, client, model, isServing), prompt);
}

async function talk(call: Call, client: ServerClient, model: string, prompt: string): Promise<number> {
  const history: Message[] =
    typeof call.options.system === 'string' ? [{ role: 'system', content: call.options.system }] : [];
  if (prompt !== '') {
    await answer(call, client, model, [...history, { role: 'user', content: prompt }], call.signal);
    return 0;
  }
  if (!isInteractive()) throw new Fault('bad_request', 'There is no prompt: give one as words or on stdin.');
  await client.post('/drover/models/load', { model }, call.signal);
  tell(dim('/clear forgets, /bye leaves, Ctrl-C stops an answer', process.stderr));
  const input = createInterface({ input: process.stdin, output: process.stderr, historySize: 500 });
  let current: AbortController | null = null;
  input.on('SIGINT', () => {
    if (current === null) input.close();
    else current.abort(new DOMException('stopped', 'AbortError'));
  });
  let isOpen = true;
  input.on('close', () => {
    isOpen = false;
  });
  while (isOpen) {
    const line = (await input.question('> ').catch(() => '/bye')).trim();
    if (line === '') continue;
    if (line === '/bye' || line === '/exit') break;
    if (line === '/clear') {
      history.splice(0, history.length, ...history.filter((message) => message.role === 'system'));
      continue;
    }
    history.push({ role: 'user', content: line });
    current = new AbortController();
    try {
      history.push({ role: 'assistant', content: await answer(call, client, model, history, current.signal) });
    } catch (thrown) {
      // The question goes with its failed answer, so that the next one does not repeat it.
      history.pop();
      tell(thrown instanceof Error ? thrown.message : String(thrown));
    } finally {
      current = null;
    }
  }
  input.close();
  return 0;
}

/** Streams one answer to stdout and returns it; an abort returns what came until then. */
async function answer(
  call: Call,
  client: ServerClient,
  model: string,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<string> {
  const number = (name: string): number | undefined => {
    const given = call.options[name];
    if (given === undefined) return undefined;
    const value = Number(given);
    if (!Number.isFinite(value)) throw new Fault('bad_request', `--${name} takes a number, not "${String(given)}".`);
    return value;
  };
  const body = { model, messages, max_tokens: number('maxTokens'), temperature: number('temperature') };
  if (call.isJson) {
    printJson(await client.post('/v1/chat/completions', { ...body, stream: false }, signal));
    return '';
  }
  let text = '';
  let isThinking = false;
  try {
    const response = await client.send('POST', '/v1/chat/completions', { ...body, stream: true }, signal);
    for await (const chunk of sseData<Chunk>(response)) {
      if (chunk.error !== undefined) throw new Fault('bad_gateway', chunk.error.message);
      const delta = chunk.choices?.[0]?.delta;
      if (typeof delta?.reasoning_content === 'string' && delta.reasoning_content !== '') {
        isThinking = true;
        process.stderr.write(dim(delta.reasoning_content, process.stderr));
      }
      if (typeof delta?.content === 'string' && delta.content !== '') {
        if (isThinking) tell('\n');
        isThinking = false;
        text += delta.content;
        process.stdout.write(delta.content);
      }
      if (chunk.timings !== undefined && call.options.verbose === true) {
        const { predicted_n, predicted_per_second, prompt_ms } = chunk.timings;
        tell(
          dim(
            `\n${predicted_n} tokens, ${predicted_per_second.toFixed(1)} tokens/s, prompt ${prompt_ms.toFixed(0)} ms`,
            process.stderr,
          ),
        );
      }
    }
  } catch (thrown) {
    if (!signal.aborted || signal === call.signal) throw thrown;
  }
  process.stdout.write('\n');
  return text;
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_STDIN_BYTES) throw new Fault('too_large', 'stdin holds more than 64 MiB; that is no prompt.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}
