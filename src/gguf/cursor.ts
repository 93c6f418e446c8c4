// Walks the bytes of a source through one window, in either byte order. It must never read past the source's end nor the
// header's limit, never allocate what a length field asks for, and throw nothing but a Fault that names field and byte.
import { Fault } from '../base/fault.ts';

/** Bytes to read from: a file, a mapping, a prefix in memory. */
export interface ByteSource {
  /** Of the whole file, in bytes, also where not all of it is at hand. */
  readonly sizeBytes: number;
  /** At most `length` bytes from `offset`; fewer only where no more are at hand. Valid until the next call. */
  read(offset: number, length: number): Uint8Array;
}

/**
 * The beginning of a file of `sizeBytes`, such as a range request brings. Where a header is longer than `bytes`, reading it throws a Fault
 * whose `details.neededBytes` says how many bytes from the start to bring next.
 */
export function prefixSource(bytes: Uint8Array, sizeBytes: number = bytes.length): ByteSource {
  return { sizeBytes, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Small enough to stay in the processor's cache while it is walked, large enough that calls cost nothing. */
const WINDOW_BYTES = 256 * 1024;
const TWO_32 = 4294967296;
/** Offsets inside a header are 32-bit integers: with floating ones the walk over a vocabulary takes ten times as long. */
const MAX_HEADER_BYTES = 2 ** 30;

export class Cursor {
  readonly #source: ByteSource;
  readonly #endOffset: number;
  #start = 0;
  #at = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** False in files whose writer was big-endian. */
  isLittleEndian = true;

  /** `limitBytes`: where a header must have ended. */
  constructor(source: ByteSource, limitBytes: number) {
    this.#source = source;
    this.#endOffset = Math.min(source.sizeBytes, limitBytes, MAX_HEADER_BYTES);
  }

  get offset(): number {
    return this.#start + this.#at;
  }

  /** Bytes that may still be read as header. */
  get remaining(): number {
    return this.#endOffset - this.offset;
  }

  fail(field: string, what: string, offset = this.offset): never {
    throw new Fault('unprocessable', `Not a usable GGUF file: ${field} at byte ${offset}: ${what}.`, {
      hint: 'Download the file again; if it was converted here, convert it again.',
      details: { field, offset },
    });
  }

  u8(field: string): number {
    this.#need(1, field);
    return this.#view.getUint8(this.#advance(1));
  }
  i8(field: string): number {
    this.#need(1, field);
    return this.#view.getInt8(this.#advance(1));
  }
  u16(field: string): number {
    this.#need(2, field);
    return this.#view.getUint16(this.#advance(2), this.isLittleEndian);
  }
  i16(field: string): number {
    this.#need(2, field);
    return this.#view.getInt16(this.#advance(2), this.isLittleEndian);
  }
  u32(field: string): number {
    this.#need(4, field);
    return this.#view.getUint32(this.#advance(4), this.isLittleEndian);
  }
  i32(field: string): number {
    this.#need(4, field);
    return this.#view.getInt32(this.#advance(4), this.isLittleEndian);
  }
  f32(field: string): number {
    this.#need(4, field);
    return this.#view.getFloat32(this.#advance(4), this.isLittleEndian);
  }
  f64(field: string): number {
    this.#need(8, field);
    return this.#view.getFloat64(this.#advance(8), this.isLittleEndian);
  }
  u64(field: string): bigint {
    this.#need(8, field);
    return this.#view.getBigUint64(this.#advance(8), this.isLittleEndian);
  }
  i64(field: string): bigint {
    this.#need(8, field);
    return this.#view.getBigInt64(this.#advance(8), this.isLittleEndian);
  }

  /** A 64-bit count, length, size or offset: refused where it is not a safe integer (so also where it is "negative"). */
  size(field: string): number {
    this.#need(8, field);
    const at = this.#advance(8);
    const first = this.#view.getUint32(at, this.isLittleEndian);
    const second = this.#view.getUint32(at + 4, this.isLittleEndian);
    const value = this.isLittleEndian ? second * TWO_32 + first : first * TWO_32 + second;
    if (value > Number.MAX_SAFE_INTEGER) {
      this.fail(field, `${this.#view.getBigUint64(at, this.isLittleEndian)} is beyond any file`, this.#start + at);
    }
    return value;
  }

  /** A count of items of which each takes at least `minimalBytes` of the rest of the header. */
  count(field: string, minimalBytes: number, limit = Number.MAX_SAFE_INTEGER): number {
    const offset = this.offset;
    const count = this.size(field);
    if (count > limit) this.fail(field, `${count} is more than the ${limit} that are accepted`, offset);
    if (count * minimalBytes > this.remaining) {
      this.fail(field, `${count} items cannot be in the ${this.remaining} bytes that follow`, offset);
    }
    return count;
  }

  /** A length-prefixed string of at most `limit` bytes, as UTF-8; bad sequences become U+FFFD. */
  string(field: string, limit: number): string {
    const length = this.count(field, 1, limit);
    return this.text(field, length);
  }

  /** `length` bytes as UTF-8; the caller has checked `length`. */
  text(field: string, length: number): string {
    this.#need(length, field);
    const at = this.#advance(length);
    const bytes = this.#bytes;
    // Names are short and plain; the decoder's call costs more than this loop.
    if (length <= 48) {
      let text = '';
      for (let index = at; index < at + length; index += 1) {
        const code = bytes[index] ?? 0;
        if (code > 127) return decoder.decode(bytes.subarray(at, at + length));
        text += String.fromCharCode(code);
      }
      return text;
    }
    return decoder.decode(bytes.subarray(at, at + length));
  }

  /** Steps over `length` bytes without reading them. */
  skip(length: number, field: string): void {
    if (length > this.remaining) this.#ranOut(field, length);
    this.#at = (this.#at + length) | 0;
  }

  /** Steps over `count` length-prefixed strings: two loads and one addition each, which is what a vocabulary costs. */
  skipStrings(count: number, field: string): void {
    let left = count;
    while (left > 0) {
      this.#need(8, field);
      left -= this.#skipStringsOfWindow(Math.min(left, MAX_HEADER_BYTES) | 0, field);
      if (this.remaining < 0) this.#ranOut(field, 0);
    }
  }

  /** Returns how many of `count` strings begin in this window; the last may end beyond it. */
  #skipStringsOfWindow(count: number, field: string): number {
    const view = this.#view;
    const isLittleEndian = this.isLittleEndian;
    const lowAt = isLittleEndian ? 0 : 4;
    const highAt = isLittleEndian ? 4 : 0;
    const lastAt = (view.byteLength - 8) | 0;
    let at = this.#at | 0;
    let left = count | 0;
    while (left > 0 && at <= lastAt) {
      const length = view.getInt32(at + lowAt, isLittleEndian);
      // Both halves at once: the upper one is 0, the lower one below the largest header.
      if ((view.getInt32(at + highAt, isLittleEndian) | (length & -MAX_HEADER_BYTES)) !== 0) {
        this.fail(field, 'the length of a string is beyond any file', this.#start + at);
      }
      at = (at + 8 + length) | 0;
      left = (left - 1) | 0;
    }
    this.#at = at;
    return count - left;
  }

  #advance(length: number): number {
    const at = this.#at;
    this.#at = (at + length) | 0;
    return at;
  }

  /** Brings `length` bytes from here into the window. */
  #need(length: number, field: string): void {
    if (this.#at + length <= this.#bytes.length) return;
    const offset = this.offset;
    if (length > this.#endOffset - offset) this.#ranOut(field, length);
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.#endOffset - offset);
    const bytes = this.#source.read(offset, wanted);
    if (bytes.length < length) {
      throw new Fault('unprocessable', `The header goes on beyond the bytes at hand: ${field} at byte ${offset}.`, {
        hint: 'Read more of the file.',
        details: { field, offset, neededBytes: offset + wanted },
      });
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = offset;
    this.#at = 0;
  }

  #ranOut(field: string, length: number): never {
    const size = this.#source.sizeBytes;
    if (this.#endOffset < size) {
      this.fail(field, `a header of more than ${this.#endOffset} bytes is not accepted`);
    }
    this.fail(
      field,
      length > 0
        ? `the file is cut: ${length} bytes are wanted and it ends at ${size}`
        : `the file is cut: it ends at ${size}`,
    );
  }
}

const decoder = new TextDecoder();
