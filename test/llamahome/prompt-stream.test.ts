// A streamed answer whose model is long in coming: when the headers go out, what a failure is before and after that, and
// that its place is given back once, however it ends.
import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { Latch } from '../../src/base/sync.ts';
import type { GenerationPiece } from '../../src/core/generation.ts';
import type { PromptAnswer } from '../../src/core/prompting.ts';
import { type PromptStreamOptions, streamPrompt } from '../../src/dialects/llamahome/prompt-stream.ts';
import { NDJSON } from '../../src/dialects/llamahome/stream.ts';
import { faultOf } from '../fixtures/fault-of.ts';

const ANSWER = {
  modelId: 'm',
  text: 'ab',
  tookMs: 5,
  createdAt: 0,
  finishReason: 'stop',
  promptTokens: 1,
  generatedTokens: 2,
} as PromptAnswer;

/** Pieces come when the gate opens; what happened is noted. */
function told(gate: Promise<void>, end: () => PromptAnswer = () => ANSWER) {
  const notes: string[] = [];
  const left = new AbortController();
  const options: PromptStreamOptions = {
    prompting: {
      pieces: async function* (_, signal): AsyncGenerator<GenerationPiece, PromptAnswer, void> {
        try {
          await Promise.race([gate, new Promise((_resolve, reject) => signal.addEventListener('abort', reject))]);
          yield { kind: 'text', text: 'a' };
          yield { kind: 'reasoning', text: 'hm' };
          yield { kind: 'text', text: 'b' };
          return end();
        } finally {
          notes.push('ended');
        }
      },
    },
    prompt: { text: 'x', model: null, sampling: {} },
    signal: left.signal,
    framing: NDJSON,
    place: { [Symbol.dispose]: () => void notes.push('given back') },
    silenceMs: 5,
  };
  return { notes, left, options };
}

const linesOf = async (answer: Response): Promise<unknown[]> =>
  (await answer.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

test('after some silence the headers go out, then the pieces as they come; thinking is none', async () => {
  const gate = new Latch();
  const { notes, options } = told(gate.promise);
  const answer = await streamPrompt(options);
  expect([answer.status, notes]).toEqual([200, []]);
  gate.open();
  expect(await linesOf(answer)).toMatchObject([
    { chunk: 'a', index: 0 },
    { chunk: 'b', index: 1 },
    { done: true, usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }, model: 'm' },
  ]);
  expect(new Set(notes)).toEqual(new Set(['ended', 'given back']));
});

test('a failure before that is thrown, after that it is the last line; the place is given back either way', async () => {
  const soon = told(Promise.reject(new Fault('unavailable', 'It did not load.')));
  expect((await faultOf(streamPrompt(soon.options))).kind).toBe('unavailable');
  expect(soon.notes).toContain('given back');

  const gate = new Latch();
  const late = told(gate.promise);
  const answer = await streamPrompt(late.options);
  gate.fail(new Fault('unavailable', 'It did not load.'));
  expect(await linesOf(answer)).toEqual([{ error: { code: 'unavailable', message: 'It did not load.' } }]);
  expect(late.notes).toContain('given back');

  const broken = told(Promise.resolve(), () => {
    throw new TypeError('secret of ours');
  });
  const lines = await linesOf(await streamPrompt(broken.options));
  expect(lines.at(-1)).toMatchObject({ error: { code: 'internal' } });
  expect(JSON.stringify(lines)).not.toContain('secret');
});

test('who leaves while it loads ends it, and gives the place back', async () => {
  for (const isRead of [true, false]) {
    const { notes, left, options } = told(new Latch().promise);
    const answer = await streamPrompt(options);
    if (isRead) await answer.body?.cancel();
    else left.abort();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(notes).toContain('given back');
    expect(notes).toContain('ended');
  }
});

test('who leaves between two pieces ends it too, though nobody asks for the next', async () => {
  const { notes, left, options } = told(Promise.resolve());
  const answer = await streamPrompt(options);
  expect(notes).toEqual([]);
  left.abort();
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  expect(new Set(notes)).toEqual(new Set(['ended', 'given back']));
  expect(answer.status).toBe(200);
});
