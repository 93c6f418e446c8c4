import { expect, test } from 'bun:test';
import { type ResponseHead, ResponseParser } from '../../src/base/upstream-parser.ts';

interface Seen {
  heads: ResponseHead[];
  body: Buffer;
  pieceCount: number;
  endCount: number;
}

function read(
  pieces: readonly Buffer[],
  options: { method?: string; closes?: boolean } = {},
): Seen & { parser: ResponseParser } {
  const seen: Seen = { heads: [], body: Buffer.alloc(0), pieceCount: 0, endCount: 0 };
  const parser = new ResponseParser(options.method ?? 'POST', {
    head: (head) => seen.heads.push(head),
    data: (bytes) => {
      seen.pieceCount += 1;
      seen.body = Buffer.concat([seen.body, bytes]);
    },
    end: () => {
      seen.endCount += 1;
    },
  });
  for (const piece of pieces) parser.push(piece);
  if (options.closes === true) parser.finish();
  return { ...seen, parser };
}

const CHUNKED =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n' +
  '5;x="y"\r\nhello\r\n1\r\n \r\nB\r\nw\r\nörld!!\n\r\n0\r\nTrailer: 1\r\n\r\n';
const FIXED = 'HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\nKeep-Alive: timeout=5, max=100\r\n\r\n{"a":1}';

test('reads the same response wherever it is cut', () => {
  for (const text of [CHUNKED, FIXED]) {
    const bytes = Buffer.from(text);
    const whole = read([bytes]);
    expect(whole.endCount).toBe(1);
    for (let first = 0; first <= bytes.length; first += 1) {
      const seen = read([bytes.subarray(0, first), bytes.subarray(first)].filter((piece) => piece.length > 0));
      expect(seen.endCount).toBe(1);
      expect(seen.body.equals(whole.body)).toBe(true);
      expect(seen.heads).toEqual(whole.heads);
    }
    const single = read([...bytes].map((byte) => Buffer.from([byte])));
    expect(single.body.equals(whole.body)).toBe(true);
    expect(single.endCount).toBe(1);
  }
  expect(read([Buffer.from(CHUNKED)]).body.toString()).toBe('hello w\r\nörld!!\n');
});

test('all chunks of one read go on as one piece', () => {
  const many = Array.from({ length: 50 }, (_, index) => `3\r\n${String(index).padStart(3, '0')}\r\n`).join('');
  const seen = read([Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${many}0\r\n\r\n`)]);
  expect(seen.pieceCount).toBe(1);
  expect(seen.body.length).toBe(150);
});

test('knows when a connection may be used again', () => {
  expect(read([Buffer.from(FIXED)]).parser.isReusable).toBe(true);
  expect(read([Buffer.from(CHUNKED)]).parser.isReusable).toBe(false);
  expect(read([Buffer.from(FIXED.replace('Keep-Alive', 'Connection: close\r\nKeep-Alive'))]).parser.isReusable).toBe(
    false,
  );
  expect(read([Buffer.from(`${FIXED}HTTP/1.1 200 OK\r\n`)]).parser.isReusable).toBe(false);
  expect(read([Buffer.from(FIXED.replace('1.1', '1.0'))]).parser.isReusable).toBe(false);
});

test('an answer may have no body, no length, or an interim one before it', () => {
  expect(read([Buffer.from('HTTP/1.1 204 No Content\r\n\r\n')]).endCount).toBe(1);
  expect(read([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')], { method: 'HEAD' }).endCount).toBe(1);
  expect(read([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')]).endCount).toBe(1);
  const interim = read([Buffer.from(`HTTP/1.1 100 Continue\r\n\r\n${FIXED}`)]);
  expect(interim.heads.map((head) => head.status)).toEqual([404]);
  expect(interim.body.toString()).toBe('{"a":1}');
  const untilClose = read([Buffer.from('HTTP/1.0 200 OK\r\n\r\nabc'), Buffer.from('def')], { closes: true });
  expect(untilClose.body.toString()).toBe('abcdef');
  expect(untilClose.endCount).toBe(1);
});

test('a cut answer is not complete', () => {
  for (const text of [CHUNKED.slice(0, -4), FIXED.slice(0, -1), 'HTTP/1.1 200 OK\r\nContent-']) {
    const seen = read([Buffer.from(text)], { closes: true });
    expect(seen.endCount).toBe(0);
    expect(seen.parser.isDone).toBe(false);
  }
});

test('what is no HTTP/1.1 response is refused', () => {
  for (const text of [
    'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'HTTP/2 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`,
    'y'.repeat(70_000),
  ]) {
    expect(() => read([Buffer.from(text)])).toThrow('cannot be read');
  }
});
