import { expect, test } from 'bun:test';
import { frameStream, ndjsonText, sseComment, sseText } from '../../src/base/frames.ts';
import { Latch } from '../../src/base/sync.ts';

test('an SSE frame keeps its lines and forges no field', () => {
  expect(sseText({ data: 'one\ntwo\r\nthree\rfour' })).toBe('data: one\ndata: two\ndata: three\ndata: four\n\n');
  expect(sseText({ event: 'a\ndata: forged', id: '1\r\nretry: 1', data: '' })).toBe(
    'event: a data: forged\nid: 1 retry: 1\ndata: \n\n',
  );
  expect(sseComment('x\ny')).toBe(': x y\n\n');
  expect(ndjsonText({ a: 'b\n' })).toBe('{"a":"b\\n"}\n');
});

const signal = new AbortController().signal;

test('a stream ends once, and its source ends when the reader leaves', async () => {
  const ended = new Latch<string>();
  const body = frameStream(
    async function* (left) {
      try {
        for (let count = 0; !left.aborted; count += 1) yield `${count}\n`;
      } finally {
        ended.open(left.aborted ? 'left' : 'ended');
      }
    },
    { signal, heartbeat: null, onError: () => null },
  );
  const reader = body.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('0\n');
  await reader.cancel();
  expect(await ended.promise).toBe('left');
});

test('a source that fails gives a last frame, or is cut', async () => {
  const failing = async function* (): AsyncGenerator<string> {
    yield 'a';
    throw new Error('broken');
  };
  const told = frameStream(failing, { signal, heartbeat: null, onError: (thrown) => `[${String(thrown)}]` });
  expect(await new Response(told).text()).toBe('a[Error: broken]');
  const cut = frameStream(failing, { signal, heartbeat: null, onError: () => null });
  expect(new Response(cut).text()).rejects.toThrow('broken');
});

test('a silent source is kept alive', async () => {
  const gate = new Latch();
  const body = frameStream(
    async function* () {
      await gate.promise;
      yield 'end';
    },
    { signal, heartbeat: '.', heartbeatMs: 1, onError: () => null },
  );
  const reader = body.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('.');
  gate.open();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  expect(text.replaceAll('.', '')).toBe('end');
});

test('a source that waits between two frames is ended when its signal aborts, though nobody reads on', async () => {
  const left = new AbortController();
  const ended = new Latch();
  frameStream(
    async function* () {
      try {
        for (;;) yield 'frame';
      } finally {
        ended.open();
      }
    },
    { signal: left.signal, heartbeat: null, onError: () => null },
  );
  await Promise.resolve();
  left.abort();
  await ended.promise;
});
