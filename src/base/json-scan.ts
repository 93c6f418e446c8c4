// One pass over the bytes of a JSON object: is it well-formed, and where are the top-level fields that we want? Then edits
// of these fields as a list of pieces, so that a body of megabytes is neither parsed into a tree nor copied.
// It must accept exactly what JSON.parse accepts (but for the depth), or we and the engine would read different things.
import { isUtf8 } from 'node:buffer';
import { Fault } from './fault.ts';

/** A top-level member, by byte offsets. */
export interface Member {
  readonly name: string;
  /** The key's opening quote. */
  readonly start: number;
  readonly valueStart: number;
  /** After the value. */
  readonly end: number;
  /** The comma before the member, or -1. */
  readonly commaBefore: number;
  /** The comma after the member, or -1. */
  readonly commaAfter: number;
}

export interface ScannedObject {
  readonly bytes: Uint8Array;
  /** After the opening brace. */
  readonly openEnd: number;
  /** Of all members, wanted or not. */
  readonly memberCount: number;
  /** The wanted members in order, repeated ones repeated: the last one counts, as in JSON.parse. */
  readonly members: readonly Member[];
}

const MAX_DEPTH = 512;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Throws `bad_request` with the byte offset when the bytes are no JSON object in UTF-8. A byte order mark is skipped. */
export function scanObject(bytes: Uint8Array, wanted: readonly string[]): ScannedObject {
  if (!isUtf8(bytes)) throw new Fault('bad_request', 'The body is not UTF-8.');
  return new Scan(bytes, wanted).run();
}

/** The value of a scanned field as JSON.parse gives it, the last one where it is repeated; undefined: absent. */
export function fieldOf(scan: ScannedObject, name: string): unknown {
  const member = scan.members.findLast((candidate) => candidate.name === name);
  if (member === undefined) return undefined;
  return JSON.parse(decode(scan.bytes, member.valueStart, member.end));
}

/** Replaces (JSON text), adds or, with null, removes wanted fields. The pieces share the memory of the original. */
export function editFields(scan: ScannedObject, edits: Readonly<Record<string, string | null>>): readonly Uint8Array[] {
  const { bytes } = scan;
  const pieces: Uint8Array[] = [];
  let keptTo = 0;
  const replaceRange = (start: number, end: number, text: string): void => {
    if (start > keptTo) pieces.push(bytes.subarray(keptTo, start));
    if (text !== '') pieces.push(encoder.encode(text));
    keptTo = end;
  };
  const added = Object.entries(edits).filter(
    ([name, text]) => text !== null && !scan.members.some((member) => member.name === name),
  );
  if (added.length > 0) {
    const removedCount = scan.members.filter((member) => edits[member.name] === null).length;
    const text = added.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',');
    replaceRange(scan.openEnd, scan.openEnd, removedCount === scan.memberCount ? text : `${text},`);
  }
  let lastRemovedComma = -1;
  for (const member of scan.members) {
    const text = edits[member.name];
    if (text === undefined) continue;
    if (text !== null) {
      replaceRange(member.valueStart, member.end, text);
      continue;
    }
    // A member takes one comma with it: the one before, or, when that is gone or never was, the one after.
    if (member.commaBefore !== -1 && member.commaBefore !== lastRemovedComma) {
      replaceRange(member.commaBefore, member.end, '');
    } else if (member.commaAfter !== -1) {
      replaceRange(member.start, member.commaAfter + 1, '');
      lastRemovedComma = member.commaAfter;
    } else replaceRange(member.start, member.end, '');
  }
  if (keptTo < bytes.byteLength) pieces.push(bytes.subarray(keptTo));
  return pieces;
}

export const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, piece) => sum + piece.byteLength, 0);

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const decode = (bytes: Uint8Array, start: number, end: number): string => decoder.decode(bytes.subarray(start, end));

class Scan {
  readonly #bytes: Uint8Array;
  readonly #wanted: readonly string[];
  readonly #end: number;
  #at = 0;

  constructor(bytes: Uint8Array, wanted: readonly string[]) {
    this.#bytes = bytes;
    this.#wanted = wanted;
    this.#end = bytes.byteLength;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  run(): ScannedObject {
    const bytes = this.#bytes;
    const members: Member[] = [];
    this.#skipSpace();
    if (bytes[this.#at] !== OPEN_OBJECT) {
      if (this.#at >= this.#end) throw new Fault('bad_request', 'The body is empty; a JSON object is wanted.');
      this.#value(1);
      this.#skipSpace();
      if (this.#at < this.#end) this.#fail();
      throw new Fault('bad_request', 'The body is JSON, but no object.');
    }
    this.#at += 1;
    const openEnd = this.#at;
    this.#skipSpace();
    let commaBefore = -1;
    let memberCount = 0;
    if (bytes[this.#at] === CLOSE_OBJECT) this.#at += 1;
    else {
      for (;;) {
        memberCount += 1;
        const start = this.#at;
        const name = this.#wantedKey();
        this.#skipSpace();
        if (bytes[this.#at] !== 0x3a) this.#fail();
        this.#at += 1;
        this.#skipSpace();
        const valueStart = this.#at;
        this.#value(1);
        const end = this.#at;
        this.#skipSpace();
        const hasMore = bytes[this.#at] === COMMA;
        if (!hasMore && bytes[this.#at] !== CLOSE_OBJECT) this.#fail();
        if (name !== null) {
          members.push({ name, start, valueStart, end, commaBefore, commaAfter: hasMore ? this.#at : -1 });
        }
        commaBefore = this.#at;
        this.#at += 1;
        if (!hasMore) break;
        this.#skipSpace();
      }
    }
    this.#skipSpace();
    if (this.#at < this.#end) this.#fail();
    return { bytes, openEnd, memberCount, members };
  }

  /** Reads a key; its name when it is a wanted one. */
  #wantedKey(): string | null {
    const start = this.#at;
    const hasEscape = this.#string();
    const length = this.#at - start - 2;
    for (const name of this.#wanted) {
      if (hasEscape) {
        if (JSON.parse(decode(this.#bytes, start, this.#at)) === name) return name;
      } else if (length === name.length && this.#matches(start + 1, name)) return name;
    }
    return null;
  }

  /** Wanted names are ASCII. */
  #matches(at: number, name: string): boolean {
    for (let index = 0; index < name.length; index += 1) {
      if (this.#bytes[at + index] !== name.charCodeAt(index)) return false;
    }
    return true;
  }

  #value(depth: number): void {
    const byte = this.#bytes[this.#at];
    if (byte === QUOTE) this.#string();
    else if (byte === OPEN_OBJECT) this.#object(depth);
    else if (byte === OPEN_ARRAY) this.#array(depth);
    else if (byte === 0x74) this.#word('true');
    else if (byte === 0x66) this.#word('false');
    else if (byte === 0x6e) this.#word('null');
    else this.#number();
  }

  #object(depth: number): void {
    if (depth >= MAX_DEPTH) throw new Fault('bad_request', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    this.#at += 1;
    this.#skipSpace();
    if (this.#bytes[this.#at] === CLOSE_OBJECT) {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#string();
      this.#skipSpace();
      if (this.#bytes[this.#at] !== 0x3a) this.#fail();
      this.#at += 1;
      this.#skipSpace();
      this.#value(depth + 1);
      this.#skipSpace();
      const byte = this.#bytes[this.#at];
      if (byte !== COMMA && byte !== CLOSE_OBJECT) this.#fail();
      this.#at += 1;
      if (byte === CLOSE_OBJECT) return;
      this.#skipSpace();
    }
  }

  #array(depth: number): void {
    if (depth >= MAX_DEPTH) throw new Fault('bad_request', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    this.#at += 1;
    this.#skipSpace();
    if (this.#bytes[this.#at] === CLOSE_ARRAY) {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#value(depth + 1);
      this.#skipSpace();
      const byte = this.#bytes[this.#at];
      if (byte !== COMMA && byte !== CLOSE_ARRAY) this.#fail();
      this.#at += 1;
      if (byte === CLOSE_ARRAY) return;
      this.#skipSpace();
    }
  }

  /** Passes a string; true when it holds an escape. */
  #string(): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE) this.#fail();
    let at = this.#at + 1;
    let hasEscape = false;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return hasEscape;
      }
      if (byte === undefined || byte < 0x20) {
        this.#at = at;
        this.#fail();
      }
      if (byte !== BACKSLASH) {
        at += 1;
        continue;
      }
      hasEscape = true;
      const escaped = bytes[at + 1] ?? 0;
      if (escaped === 0x75) {
        for (let index = 2; index < 6; index += 1) {
          if (!isHex(bytes[at + index] ?? 0)) {
            this.#at = at + index;
            this.#fail();
          }
        }
        at += 6;
      } else if (SIMPLE_ESCAPES.includes(escaped)) at += 2;
      else {
        this.#at = at + 1;
        this.#fail();
      }
    }
  }

  #word(word: string): void {
    if (!this.#matches(this.#at, word)) this.#fail();
    this.#at += word.length;
  }

  #number(): void {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x2d) this.#at += 1;
    if (bytes[this.#at] === 0x30) this.#at += 1;
    else this.#digits();
    if (bytes[this.#at] === 0x2e) {
      this.#at += 1;
      this.#digits();
    }
    if (((bytes[this.#at] ?? 0) | 0x20) === 0x65) {
      this.#at += 1;
      const sign = bytes[this.#at];
      if (sign === 0x2b || sign === 0x2d) this.#at += 1;
      this.#digits();
    }
  }

  #digits(): void {
    const start = this.#at;
    while (isDigit(this.#bytes[this.#at] ?? 0)) this.#at += 1;
    if (this.#at === start) this.#fail();
  }

  #skipSpace(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at])
      at += 1;
    this.#at = at;
  }

  #fail(): never {
    const where = this.#at >= this.#end ? 'it ends too early' : `at byte ${this.#at}`;
    throw new Fault('bad_request', `The body is not valid JSON: ${where}.`, { details: { offset: this.#at } });
  }
}

const SIMPLE_ESCAPES = [QUOTE, BACKSLASH, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74];
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
