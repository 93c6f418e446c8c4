// An HTTP/1.1 client for engines on this machine, on plain sockets with a keep-alive pool: measured, it adds half of
// what fetch adds. It must never retry once a byte of an answer has come, nor keep a connection it cannot trust.
import type { Socket } from 'bun';
import { Fault } from './fault.ts';
import { ResponseParser, type ResponseSink } from './upstream-parser.ts';

export interface UpstreamRequest {
  /** `http://127.0.0.1:40123`, `https://host/base`; a path in it goes before the target's. No trailing slash. */
  readonly baseUrl: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Complete but for Host, Content-Length, Transfer-Encoding and Connection. No line breaks in values. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: UpstreamBody | null;
}

export interface UpstreamBody {
  /** What is here already. */
  readonly chunks: readonly Uint8Array[];
  /** What follows; null: nothing. */
  readonly rest: ReadableStream<Uint8Array> | null;
  /** Of all together; null: not known, sent in chunks. */
  readonly lengthBytes: number | null;
}

export interface ExchangeSink extends ResponseSink {
  /** Instead of `end`: refused, broken, malformed. */
  fail(fault: Fault): void;
}

export interface Exchange {
  /** Stops reading until `resume`; the engine then waits. */
  pause(): void;
  resume(): void;
  /** Ends the connection; nothing more is told. The engine sees its client leave and stops. */
  abort(): void;
}

interface Connection {
  socket: Socket<Connection>;
  exchange: RunningExchange | null;
  requestCount: number;
  idleSince: number;
  isOpen: boolean;
}

// cpp-httplib keeps an idle connection 5 s and closes after 100 requests (`Keep-Alive: timeout=5, max=100`).
const IDLE_LIMIT_MS = 4000;
const REQUEST_LIMIT = 99;
const POOL_LIMIT = 64;
const MERGE_LIMIT = 64 * 1024;

export class Upstream {
  readonly #idle = new Map<string, Connection[]>();

  /** Sends one request. The sink is told, later, what comes back; exactly one of `end` and `fail`, unless aborted. */
  send(request: UpstreamRequest, sink: ExchangeSink): Exchange {
    const exchange = new RunningExchange(this, request, sink);
    exchange.start(this.#take(request.baseUrl));
    return exchange;
  }

  /** Ends all idle connections. */
  close(): void {
    for (const pool of this.#idle.values()) for (const connection of pool) connection.socket.terminate();
    this.#idle.clear();
  }

  #take(baseUrl: string): Connection | null {
    const pool = this.#idle.get(baseUrl);
    if (pool === undefined) return null;
    for (let connection = pool.pop(); connection !== undefined; connection = pool.pop()) {
      if (!connection.isOpen) continue;
      if (performance.now() - connection.idleSince < IDLE_LIMIT_MS) {
        connection.socket.ref();
        return connection;
      }
      connection.socket.terminate();
    }
    this.#idle.delete(baseUrl);
    return null;
  }

  /** Takes a connection back after a complete exchange. */
  give(baseUrl: string, connection: Connection): void {
    connection.exchange = null;
    const pool = this.#idle.get(baseUrl) ?? [];
    if (connection.requestCount >= REQUEST_LIMIT || pool.length >= POOL_LIMIT || !connection.isOpen) {
      connection.socket.terminate();
      return;
    }
    connection.idleSince = performance.now();
    connection.socket.unref();
    pool.push(connection);
    this.#idle.set(baseUrl, pool);
  }

  forget(baseUrl: string, connection: Connection): void {
    const pool = this.#idle.get(baseUrl);
    const at = pool?.indexOf(connection) ?? -1;
    if (at !== -1) pool?.splice(at, 1);
    if (pool?.length === 0) this.#idle.delete(baseUrl);
  }
}

class RunningExchange implements Exchange {
  readonly #upstream: Upstream;
  readonly #request: UpstreamRequest;
  readonly #sink: ExchangeSink;
  #parser: ResponseParser;
  #connection: Connection | null = null;
  #queue: Uint8Array[] = [];
  #offset = 0;
  #isReused = false;
  #isOver = false;
  #isPaused = false;
  #isSent = false;
  #reader: ReturnType<ReadableStream<Uint8Array>['getReader']> | null = null;
  #onDrain: (() => void) | null = null;

  constructor(upstream: Upstream, request: UpstreamRequest, sink: ExchangeSink) {
    this.#upstream = upstream;
    this.#request = request;
    this.#sink = sink;
    this.#parser = new ResponseParser(request.method, this.#guardedSink());
  }

  start(connection: Connection | null): void {
    if (connection === null) {
      this.#connect();
      return;
    }
    this.#isReused = true;
    this.#use(connection);
  }

  // Once it is over, the connection may be another exchange's.
  pause(): void {
    if (this.#isPaused || this.#isOver) return;
    this.#isPaused = true;
    if (this.#connection !== null) flow(this.#connection.socket).pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    if (this.#connection !== null) flow(this.#connection.socket).resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drop();
  }

  onData(bytes: Buffer): void {
    try {
      this.#parser.push(bytes);
    } catch (thrown) {
      this.#fail(thrown instanceof Fault ? thrown : new Fault('internal', String(thrown), { cause: thrown }));
      return;
    }
    if (this.#parser.isDone) this.#finish();
  }

  onDrain(): void {
    this.#flush();
  }

  onClose(error: Error | undefined): void {
    if (this.#isOver) return;
    const hadNothing = this.#parser.isUntouched;
    if (this.#parser.finish()) {
      this.#isOver = true;
      this.#cancelBody();
      return;
    }
    // A kept connection that the engine closed while we wrote: nothing was answered, so ask again on a fresh one.
    if (hadNothing && this.#isReused && this.#reader === null) {
      this.#isReused = false;
      // What else the old connection tells is not about the new one.
      if (this.#connection !== null) this.#connection.exchange = null;
      this.#connection = null;
      this.#parser = new ResponseParser(this.#request.method, this.#guardedSink());
      this.#connect();
      return;
    }
    this.#fail(
      new Fault(
        'bad_gateway',
        hadNothing
          ? 'The engine closed the connection without an answer.'
          : 'The engine stopped in the middle of its answer.',
        { cause: error, hint: 'It may have crashed: see "drover logs".' },
      ),
    );
  }

  #connect(): void {
    const { baseUrl } = this.#request;
    const url = new URL(baseUrl);
    const isTls = url.protocol === 'https:';
    const upstream = this.#upstream;
    let connection: Connection | null = null;
    Bun.connect<Connection | undefined>({
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      tls: isTls ? { serverName: url.hostname } : false,
      data: undefined,
      socket: {
        open: (opened) => {
          const socket = opened as unknown as Socket<Connection>;
          socket.setNoDelay(true);
          connection = { socket, exchange: null, requestCount: 0, idleSince: 0, isOpen: true };
          if (this.#isOver) socket.terminate();
          else this.#use(connection);
        },
        data: (_, bytes) => {
          if (connection === null) return;
          if (connection.exchange !== null) {
            connection.exchange.onData(bytes);
            return;
          }
          // Bytes that nobody asked for: this connection cannot be trusted.
          connection.isOpen = false;
          connection.socket.terminate();
        },
        drain: () => connection?.exchange?.onDrain(),
        error: (_, error) => connection?.exchange?.onClose(error),
        close: (_, error) => {
          if (connection === null) return;
          connection.isOpen = false;
          upstream.forget(baseUrl, connection);
          connection.exchange?.onClose(error);
        },
        connectError: (_, error) => this.#fail(unreachable(error)),
      },
    }).catch((error: unknown) => this.#fail(unreachable(error)));
  }

  #use(connection: Connection): void {
    this.#connection = connection;
    connection.exchange = this;
    connection.requestCount += 1;
    this.#offset = 0;
    this.#isSent = false;
    if (this.#isPaused) flow(connection.socket).pause();
    const { body } = this.#request;
    const head = this.#head();
    const chunks = body?.chunks ?? [];
    const isChunked = body !== null && body.lengthBytes === null;
    if (isChunked) this.#queue = [head, ...chunks.flatMap(asChunk)];
    else if (body !== null && body.rest === null && (body.lengthBytes ?? 0) <= MERGE_LIMIT) {
      this.#queue = [Buffer.concat([head, ...chunks])];
    } else this.#queue = [head, ...chunks];
    const rest = body?.rest ?? null;
    if (rest !== null) void this.#pump(rest, isChunked);
    else {
      this.#isSent = true;
      this.#flush();
    }
  }

  #head(): Buffer {
    const { method, target, headers, body, baseUrl } = this.#request;
    const hostAt = baseUrl.indexOf('//') + 2;
    const pathAt = baseUrl.indexOf('/', hostAt);
    const host = pathAt === -1 ? baseUrl.slice(hostAt) : baseUrl.slice(hostAt, pathAt);
    const prefix = pathAt === -1 ? '' : baseUrl.slice(pathAt);
    let text = `${method} ${prefix}${target} HTTP/1.1\r\nHost: ${host}\r\n`;
    for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
    if (body !== null) {
      text += body.lengthBytes === null ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.lengthBytes}\r\n`;
    } else if (method !== 'GET' && method !== 'HEAD') text += 'Content-Length: 0\r\n';
    // A character past Latin-1 would lose its upper byte, and may then be a line break.
    return Buffer.from(`${text}\r\n`, /[^\0-\xff]/.test(text) ? 'utf8' : 'latin1');
  }

  /** Sends a body as it comes, never more than one piece ahead of the socket. */
  async #pump(rest: ReadableStream<Uint8Array>, isChunked: boolean): Promise<void> {
    const reader = rest.getReader();
    this.#reader = reader;
    try {
      while (!this.#isOver) {
        this.#flush();
        if (this.#queue.length > 0) {
          await new Promise<void>((resolve) => {
            this.#onDrain = resolve;
          });
          continue;
        }
        const { done, value } = await reader.read();
        if (done) break;
        this.#queue.push(...(isChunked ? asChunk(value) : [value]));
      }
      if (isChunked) this.#queue.push(LAST_CHUNK);
      this.#isSent = true;
      this.#flush();
    } catch (thrown) {
      this.#fail(new Fault('cancelled', 'The request ended before its body did.', { cause: thrown }));
    }
  }

  #flush(): void {
    const socket = this.#connection?.socket;
    if (socket === undefined) return;
    for (let chunk = this.#queue[0]; chunk !== undefined; chunk = this.#queue[0]) {
      const length = chunk.byteLength - this.#offset;
      const written = length === 0 ? 0 : socket.write(chunk, this.#offset, length);
      if (written < 0) return;
      if (written < length) {
        this.#offset += written;
        return;
      }
      this.#offset = 0;
      this.#queue.shift();
    }
    this.#onDrain?.();
    this.#onDrain = null;
  }

  #guardedSink(): ResponseSink {
    const sink = this.#sink;
    return {
      head: (head) => {
        if (!this.#isOver) sink.head(head);
      },
      data: (bytes) => {
        if (!this.#isOver) sink.data(bytes);
      },
      end: () => {
        if (!this.#isOver) sink.end();
      },
    };
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const connection = this.#connection;
    if (connection === null) return;
    const isClean = this.#isSent && this.#queue.length === 0 && this.#parser.isReusable;
    if (!isClean) {
      this.#drop();
      return;
    }
    if (this.#isPaused) flow(connection.socket).resume();
    this.#upstream.give(this.#request.baseUrl, connection);
  }

  #fail(fault: Fault): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drop();
    this.#sink.fail(fault);
  }

  #drop(): void {
    this.#cancelBody();
    const connection = this.#connection;
    if (connection === null) return;
    connection.exchange = null;
    connection.isOpen = false;
    connection.socket.terminate();
  }

  #cancelBody(): void {
    this.#queue = [];
    this.#onDrain?.();
    this.#onDrain = null;
    this.#reader?.cancel().catch(() => undefined);
  }
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const asChunk = (bytes: Uint8Array): Uint8Array[] =>
  bytes.byteLength === 0
    ? []
    : [Buffer.from(`${bytes.byteLength.toString(16)}\r\n`, 'latin1'), bytes, Buffer.from('\r\n', 'latin1')];

const unreachable = (error: unknown): Fault =>
  new Fault('bad_gateway', 'The engine does not accept connections.', {
    cause: error,
    hint: 'It may have crashed: see "drover logs".',
  });

/** Bun's sockets can pause and resume, which its types do not say. */
const flow = (socket: Socket<Connection>): { pause(): void; resume(): void } =>
  socket as unknown as { pause(): void; resume(): void };
