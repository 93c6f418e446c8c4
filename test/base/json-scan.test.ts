import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { editFields, fieldOf, lengthOf, scanObject } from '../../src/base/json-scan.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const scan = (text: string, ...wanted: string[]) => scanObject(bytesOf(text), wanted.length > 0 ? wanted : ['model']);
const edited = (text: string, edits: Record<string, string | null>): string =>
  Buffer.concat(editFields(scan(text, ...Object.keys(edits)), edits)).toString();

/** A small repeatable generator (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

test('finds a field whatever stands around it', () => {
  expect(fieldOf(scan('{"model":"a"}'), 'model')).toBe('a');
  expect(fieldOf(scan('\uFEFF \n{ "x" : [1,{"model":"no"}] ,\t"model" : "jö\\u00e4\\n" }\r\n'), 'model')).toBe('jöä\n');
  expect(fieldOf(scan('{"mo\\u0064el":"escaped"}'), 'model')).toBe('escaped');
  expect(fieldOf(scan('{"model":"first","model":"last"}'), 'model')).toBe('last');
  expect(fieldOf(scan('{"models":"x","odel":"y","":1}'), 'model')).toBeUndefined();
  expect(fieldOf(scan('{}'), 'model')).toBeUndefined();
});

test('says what is wrong and where', () => {
  const message = (text: string): string => {
    try {
      scan(text);
      return 'accepted';
    } catch (thrown) {
      return thrown instanceof Fault ? `${thrown.kind}: ${thrown.message}` : String(thrown);
    }
  };
  expect(message('{"model":"a"')).toBe('bad_request: The body is not valid JSON: it ends too early.');
  expect(message('{"model":tru}')).toBe('bad_request: The body is not valid JSON: at byte 9.');
  expect(message('[1]')).toBe('bad_request: The body is JSON, but no object.');
  expect(message('')).toBe('bad_request: The body is empty; a JSON object is wanted.');
  expect(message(`{"a":${'['.repeat(600)}${']'.repeat(600)}}`)).toContain('deeper than 512');
  expect(() => scanObject(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), [])).toThrow('not UTF-8');
});

test('edits replace every repetition, remove with one comma, and add', () => {
  expect(edited('{"model":"a","model":"b","x":1}', { model: '"c"' })).toBe('{"model":"c","model":"c","x":1}');
  expect(edited('{ "x" : 1 }', { model: '"c"' })).toBe('{"model":"c", "x" : 1 }');
  expect(edited('{ }', { model: '"c"' })).toBe('{"model":"c" }');
  expect(edited('{"a":1,"b":2,"c":3}', { a: null, b: null })).toBe('{"c":3}');
  expect(edited('{"a":1,"b":2,"c":3}', { b: null, c: null })).toBe('{"a":1}');
  expect(edited('{"a":1,"b":2}', { a: null, b: null, model: '"m"' })).toBe('{"model":"m"}');
  expect(edited('{"a":1,"a":2}', { a: null })).toBe('{}');
});

test('pieces share the memory of a large body', () => {
  const large = bytesOf(`{"image":"${'A'.repeat(4_000_000)}","model":"a","x":1}`);
  const pieces = editFields(scanObject(large, ['model']), { model: '"bb"' });
  expect(lengthOf(pieces)).toBe(large.length + 1);
  expect(pieces.filter((piece) => piece.buffer === large.buffer).length).toBe(2);
});

test('accepts what JSON.parse accepts, and nothing else (40 000 mutated texts)', () => {
  const next = random(7);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const value = (depth: number): string => {
    const kind = Math.floor(next() * (depth > 3 ? 5 : 7));
    if (kind === 0) return pick(['true', 'false', 'null']);
    if (kind === 1) return pick(['0', '-0', '1.5', '1e9', '-2E-3', '12345678901234567890', '0.0e+1']);
    if (kind <= 4)
      return JSON.stringify(pick(['', 'model', 'a"b', 'tab\t', 'é😀', '\\', '\u2028', '\u0000', 'x'.repeat(40)]));
    const items = Array.from({ length: Math.floor(next() * 4) }, () => value(depth + 1));
    if (kind === 5) return `[${items.join(pick([',', ' , ']))}]`;
    return `{${items.map((item) => `${JSON.stringify(pick(['model', 'stream', 'a', 'é', '__proto__']))}:${item}`).join(',')}}`;
  };
  const noise = [...'{}[]",:\\ \n\t0123456789eE+-.truefalsn/bu']
    .map((char) => char.charCodeAt(0))
    .concat([0, 31, 127, 200, 255]);
  let accepted = 0;
  for (let round = 0; round < 40_000; round += 1) {
    const members = Array.from(
      { length: Math.floor(next() * 5) },
      () => `${JSON.stringify(pick(['model', 'x', 'stream', 'y']))}${pick([':', ' : '])}${value(1)}`,
    );
    let bytes = bytesOf(next() < 0.1 ? value(0) : `{${members.join(pick([',', ',\n']))}}`);
    if (next() < 0.6 && bytes.length > 0) {
      const at = Math.floor(next() * bytes.length);
      const copy = [...bytes];
      const how = next();
      if (how < 0.4) copy[at] = pick(noise);
      else if (how < 0.7) copy.splice(at, 1);
      else copy.splice(at, 0, pick(noise));
      bytes = new Uint8Array(copy);
    }
    let expected: unknown;
    try {
      expected = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      expected = undefined;
    }
    const isObject = typeof expected === 'object' && expected !== null && !Array.isArray(expected);
    let found: ReturnType<typeof scanObject> | null = null;
    try {
      found = scanObject(bytes, ['model', 'x']);
    } catch {}
    if ((found !== null) !== isObject)
      throw new Error(`disagree on ${JSON.stringify(Buffer.from(bytes).toString('latin1'))}`);
    if (found === null) continue;
    accepted += 1;
    const wanted = expected as Record<string, unknown>;
    expect(fieldOf(found, 'model')).toEqual(Object.hasOwn(wanted, 'model') ? wanted.model : undefined);
    const after = JSON.parse(
      Buffer.concat(editFields(found, { model: '"new"', x: null }))
        .toString()
        .replace(/^\uFEFF/, ''),
    );
    const { x: _, ...rest } = wanted;
    expect(after).toEqual({ ...rest, model: 'new' });
  }
  expect(accepted).toBeGreaterThan(10_000);
});
