// Reads one HTTP/1.1 response from the bytes of a connection (RFC 9112): head, body by length, by chunks or until the
// end. Pure and bounded; it must never copy a body's bytes unless several chunks come in one read, nor decode them.
import { Fault } from './fault.ts';

export type HeaderPair = readonly [name: string, value: string];

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case, in order, repeated ones repeated. */
  readonly headers: readonly HeaderPair[];
  /** Bytes of the body where the head says so; null: chunked, or until the connection ends. */
  readonly lengthBytes: number | null;
}

/** What a response does, in this order: head once, data any number of times, end at most once. */
export interface ResponseSink {
  head(head: ResponseHead): void;
  data(bytes: Uint8Array): void;
  end(): void;
}

const HEAD_LIMIT = 64 * 1024;
const LINE_LIMIT = 4096;
/** RFC 9110 5.1 and 5.5: what else stands in a header would be read differently by whoever comes after us. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const CRLF2 = Buffer.from('\r\n\r\n');

type Stage = 'head' | 'fixed' | 'until_close' | 'size' | 'chunk' | 'chunk_end' | 'trailer' | 'done';

export class ResponseParser {
  readonly #hasBody: boolean;
  readonly #sink: ResponseSink;
  #stage: Stage = 'head';
  #held: Buffer | null = null;
  #left = 0;
  #line = '';
  #trailerBytes = 0;
  #isReusable = true;
  #hasBytes = false;

  /** `method` is the request's: an answer to HEAD has no body. */
  constructor(method: string, sink: ResponseSink) {
    this.#hasBody = method !== 'HEAD';
    this.#sink = sink;
  }

  /** True once the response is complete. */
  get isDone(): boolean {
    return this.#stage === 'done';
  }

  /** True until the first byte of a response has come: then nothing of it is lost by asking again. */
  get isUntouched(): boolean {
    return !this.#hasBytes;
  }

  /** True when the connection may carry another request. */
  get isReusable(): boolean {
    return this.isDone && this.#isReusable;
  }

  /** Throws `bad_gateway` when this is no HTTP/1.1 response. */
  push(bytes: Buffer): void {
    this.#hasBytes = true;
    let rest: Buffer | null = bytes;
    while (this.#stage === 'head') {
      rest = this.#readHead(rest);
      if (rest === null) return;
    }
    if (rest.length === 0) return;
    if (this.#stage === 'fixed') this.#readFixed(rest);
    else if (this.#stage === 'until_close') this.#sink.data(rest);
    else if (this.#stage === 'done') this.#isReusable = false;
    else this.#readChunks(rest);
  }

  /** The connection has ended; false when the response had not. */
  finish(): boolean {
    this.#isReusable = false;
    if (this.#stage === 'until_close') this.#end();
    return this.isDone;
  }

  #end(): void {
    this.#stage = 'done';
    this.#sink.end();
  }

  /** Returns what follows the head, or null when the head is not complete. */
  #readHead(bytes: Buffer): Buffer | null {
    const held: Buffer = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    const at = held.indexOf(CRLF2);
    if (at > HEAD_LIMIT || (at === -1 && held.length > HEAD_LIMIT)) throw malformed('its header is too long');
    if (at === -1) {
      this.#held = held;
      return null;
    }
    this.#held = null;
    this.#takeHead(held.toString('latin1', 0, at));
    return held.subarray(at + 4);
  }

  #takeHead(text: string): void {
    const lines = text.split('\r\n');
    const first = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(lines[0] ?? '');
    if (first === null) throw malformed('its first line is no HTTP status');
    const status = Number(first[2]);
    const headers: HeaderPair[] = [];
    let length: number | null = null;
    let isChunked = false;
    let keepsAlive = first[1] === '1';
    for (let index = 1; index < lines.length; index += 1) {
      const line = lines[index] ?? '';
      const colon = line.indexOf(':');
      if (colon <= 0) throw malformed('a header line has no name');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) {
        throw malformed('a header holds a character that none may hold');
      }
      if (name === 'content-length') {
        if (!/^\d{1,15}$/.test(value) || (length !== null && length !== Number(value))) {
          throw malformed('its Content-Length is no length');
        }
        length = Number(value);
      } else if (name === 'transfer-encoding') {
        if (value.toLowerCase() !== 'chunked') throw malformed(`its transfer encoding is "${value.slice(0, 40)}"`);
        isChunked = true;
      } else if (name === 'connection') {
        const words = value.toLowerCase();
        if (words.includes('close')) keepsAlive = false;
        else if (words.includes('keep-alive')) keepsAlive = true;
      }
      headers.push([name, value]);
    }
    // An interim answer (100, 103) is not the answer.
    if (status < 200) {
      if (status === 101) throw malformed('it switches protocols, which nobody asked for');
      return;
    }
    this.#isReusable = keepsAlive;
    const isEmpty = !this.#hasBody || status === 204 || status === 304;
    this.#sink.head({ status, headers, lengthBytes: isEmpty ? 0 : isChunked ? null : length });
    if (isEmpty || (!isChunked && length === 0)) this.#end();
    else if (isChunked) {
      this.#stage = 'size';
      // llama-server (cpp-httplib) closes after a chunked answer without saying so.
      this.#isReusable = false;
    } else if (length !== null) {
      this.#stage = 'fixed';
      this.#left = length;
    } else this.#stage = 'until_close';
  }

  #readFixed(bytes: Buffer): void {
    const piece = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    if (bytes.length > this.#left) this.#isReusable = false;
    this.#left -= piece.length;
    this.#sink.data(piece);
    if (this.#left === 0) this.#end();
  }

  /** All chunks of one read go on as one piece: the fewer pieces, the less work downstream. */
  #readChunks(bytes: Buffer): void {
    let first: Buffer | null = null;
    let more: Buffer[] | null = null;
    let at = 0;
    while (at < bytes.length && this.#stage !== 'done') {
      if (this.#stage === 'chunk') {
        const end = Math.min(at + this.#left, bytes.length);
        const piece = bytes.subarray(at, end);
        if (first === null) first = piece;
        else if (more === null) more = [first, piece];
        else more.push(piece);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#stage = 'chunk_end';
        continue;
      }
      const newline = bytes.indexOf(10, at);
      const end = newline === -1 ? bytes.length : newline;
      if (end - at + this.#line.length > LINE_LIMIT) throw malformed('a line between chunks is too long');
      this.#line += bytes.toString('latin1', at, end);
      if (newline === -1) break;
      at = newline + 1;
      const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
      this.#line = '';
      this.#takeLine(line);
    }
    if (more !== null) this.#sink.data(Buffer.concat(more));
    else if (first !== null) this.#sink.data(first);
    // Read through the getter: #takeLine may have moved the stage.
    if (this.isDone) this.#sink.end();
  }

  #takeLine(line: string): void {
    if (this.#stage === 'chunk_end') {
      if (line !== '') throw malformed('a chunk is longer than it says');
      this.#stage = 'size';
      return;
    }
    if (this.#stage === 'trailer') {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > HEAD_LIMIT) throw malformed('its trailer is too long');
      if (line === '') this.#stage = 'done';
      return;
    }
    const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line);
    if (size === null) throw malformed('a chunk has no size');
    this.#left = Number.parseInt(size[1] ?? '', 16);
    this.#stage = this.#left === 0 ? 'trailer' : 'chunk';
  }
}

const malformed = (why: string): Fault =>
  new Fault('bad_gateway', `The engine's answer cannot be read: ${why}.`, {
    hint: 'If this is a custom command, check that it serves HTTP/1.1 on that port.',
  });
