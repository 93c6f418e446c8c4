import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GGUFParseOutput, gguf } from '@huggingface/gguf';
import { Fault } from '../../src/base/fault.ts';
import { factsOf } from '../../src/gguf/facts.ts';
import { type ByteSource, GGUF_LIMITS, type GgufHeader, readHeader } from '../../src/gguf/reader.ts';
import { tensorTypeName } from '../../src/gguf/tensor-types.ts';
import { thrownBy } from '../fixtures/fault-of.ts';
import { encodeGguf, f32, flag, type GgufValue, text, u32 } from '../fixtures/gguf-writer.ts';
import { MODEL_SHAPES } from '../fixtures/model-shapes.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

/** All bytes in memory, handed out through one buffer that every call overwrites, as a file's source does. */
function sourceOf(bytes: Uint8Array, sizeBytes = bytes.length): ByteSource & { readonly largestRead: () => number } {
  let buffer = new Uint8Array(64);
  let largest = 0;
  return {
    sizeBytes,
    largestRead: () => largest,
    read: (offset, length) => {
      largest = Math.max(largest, length);
      buffer.fill(0xee);
      if (buffer.length < length) buffer = new Uint8Array(length);
      const part = bytes.subarray(offset, offset + length);
      buffer.set(part);
      return buffer.subarray(0, part.length);
    },
  };
}

const read = (bytes: Uint8Array): GgufHeader => readHeader(sourceOf(bytes));

const SMALL: Readonly<Record<string, GgufValue>> = {
  'general.architecture': text('llama'),
  'general.name': text('Ünïcode 🦙'),
  'llama.block_count': u32(1),
  'llama.attention.head_count': u32(4),
  'llama.rope.freq_base': f32(10_000),
  'general.large': { type: 'u64', value: 2n ** 63n },
  'general.negative': { type: 'i64', value: -5n },
  'general.double': { type: 'f64', value: 0.1 },
  'general.tiny': { type: 'i8', value: -3 },
  'general.short': { type: 'u16', value: 65_535 },
  'general.truth': flag(true),
  'tokenizer.ggml.tokens': {
    type: 'array',
    of: 'string',
    value: ['<unk>', '', 'ä', 'a much longer token than the others'],
  },
  'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: [0, -1, -2.5, -3] },
  'llama.pattern': { type: 'array', of: 'bool', value: [true, false, true] },
};
const TENSORS = [
  { name: 'token_embd.weight', dimensions: [8, 4] },
  { name: 'blk.0.attn_norm.weight', dimensions: [8] },
];
const small = encodeGguf(SMALL, TENSORS);

describe('against the reader of Hugging Face', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-gguf-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const plain = (value: unknown): unknown =>
    typeof value === 'bigint' && value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : Array.isArray(value)
        ? value.map(plain)
        : value;

  function compare(header: GgufHeader, theirs: GGUFParseOutput): void {
    expect(header.version).toBe(theirs.metadata.version);
    expect(header.tensors.length).toBe(Number(theirs.metadata.tensor_count));
    expect(header.metadata.size).toBe(Number(theirs.metadata.kv_count));
    expect(header.isBigEndian).toBe(!theirs.littleEndian);
    expect(BigInt(header.dataOffset)).toBe(theirs.tensorDataOffset);
    for (const [key, ours] of header.metadata) {
      const their = plain(Reflect.get(theirs.metadata, key));
      if (typeof ours === 'object' && 'type' in ours) expect((their as unknown[]).length).toBe(ours.count);
      else expect({ key, value: plain(ours) }).toEqual({ key, value: their });
    }
    expect(
      header.tensors.map((tensor) => [
        tensor.name,
        tensor.dimensions.map(BigInt),
        tensor.typeNumber,
        BigInt(tensor.offset),
      ]),
    ).toEqual(theirs.tensorInfos.map((tensor) => [tensor.name, tensor.shape, tensor.dtype, tensor.offset]));
  }

  const files: [string, Uint8Array][] = [
    ['every type of value', small],
    ['version 2', encodeGguf(SMALL, TENSORS, { version: 2 })],
    ['big-endian', encodeGguf(SMALL, TENSORS, { isBigEndian: true })],
    ['alignment 64', encodeGguf(SMALL, TENSORS, { alignment: 64 })],
    ['tiny llama', tinyLlama()],
    ['tiny bert', tinyBert()],
    ['a vocabulary without weights', encodeGguf({ ...SMALL, 'tokenizer.ggml.model': text('gpt2') }, [])],
    ...MODEL_SHAPES.map((shape): [string, Uint8Array] => [shape.name, encodeGguf(shape.metadata, shape.tensors)]),
  ];
  test.each(files)('%s', async (name, bytes) => {
    const path = join(folder, `${name.replaceAll(/\W/g, '-')}.gguf`);
    writeFileSync(path, bytes);
    compare(read(bytes), await gguf(path, { allowLocalFile: true }));
  });
});

test('scalars, strings and small arrays are kept; strings in arrays are counted', () => {
  const header = read(small);
  expect(header.metadata.get('general.name')).toBe('Ünïcode 🦙');
  expect(header.metadata.get('general.large')).toBe(2n ** 63n);
  expect(header.metadata.get('general.negative')).toBe(-5);
  expect(header.metadata.get('general.double')).toBe(0.1);
  expect(header.metadata.get('general.tiny')).toBe(-3);
  expect(header.metadata.get('general.short')).toBe(65_535);
  expect(header.metadata.get('general.truth')).toBe(true);
  expect(header.metadata.get('tokenizer.ggml.tokens')).toEqual({ type: 'array', of: 'string', count: 4 });
  expect(header.metadata.get('tokenizer.ggml.scores')).toEqual([0, -1, -2.5, -3]);
  expect(header.metadata.get('llama.pattern')).toEqual([true, false, true]);
  expect(header.tensors[1]).toEqual({
    name: 'blk.0.attn_norm.weight',
    dimensions: [8],
    elementCount: 8,
    typeNumber: 0,
    typeName: 'F32',
    offset: 128,
    bytes: 32,
  });
});

test('a big-endian file means the same as a little-endian one', () => {
  const big = read(encodeGguf(SMALL, TENSORS, { isBigEndian: true }));
  const little = read(small);
  expect(big).toEqual({ ...little, isBigEndian: true });
});

test('long arrays and long strings are stepped over', () => {
  const items = Array.from({ length: GGUF_LIMITS.keptArrayItems + 1 }, (_, index) => index);
  const header = read(
    encodeGguf(
      {
        'a.long': { type: 'array', of: 'i32', value: items },
        'a.just': { type: 'array', of: 'i32', value: items.slice(1) },
        'a.text': text('x'.repeat(GGUF_LIMITS.keptStringBytes + 1)),
        'a.after': u32(7),
      },
      [],
    ),
  );
  expect(header.metadata.get('a.long')).toEqual({ type: 'array', of: 'i32', count: items.length });
  expect(header.metadata.get('a.just')).toEqual(items.slice(1));
  expect(header.metadata.get('a.text')).toEqual({ type: 'string', of: 'u8', count: GGUF_LIMITS.keptStringBytes + 1 });
  expect(header.metadata.get('a.after')).toBe(7);
});

test('strings that lie across the window are stepped over rightly', () => {
  for (const length of [1, 7, 8, 9, 63, 255, 256, 257, 70_000]) {
    for (const isBigEndian of [false, true]) {
      const tokens = Array.from({ length: Math.ceil(600_000 / (length + 8)) }, () => 'x'.repeat(length));
      const header = read(
        encodeGguf({ 'a.tokens': { type: 'array', of: 'string', value: tokens }, 'a.after': u32(7) }, TENSORS, {
          isBigEndian,
        }),
      );
      expect(header.metadata.get('a.tokens')).toEqual({ type: 'array', of: 'string', count: tokens.length });
      expect(header.metadata.get('a.after')).toBe(7);
      expect(header.tensors.length).toBe(2);
    }
  }
});

test('tensors of unknown types are measured by what follows them', () => {
  const data = new Uint8Array(96);
  const header = read(
    encodeGguf({}, [
      { name: 'a', dimensions: [100], type: 137, data },
      { name: 'b', dimensions: [8] },
      { name: 'c', dimensions: [100], type: 138, data },
    ]),
  );
  expect(header.tensors.map((tensor) => [tensor.typeName, tensor.bytes])).toEqual([
    ['TYPE_137', 96],
    ['F32', 32],
    ['TYPE_138', 96],
  ]);
  expect(tensorTypeName(137)).toBe('TYPE_137');
});

describe('damage', () => {
  test('cut at every byte: always a Fault that names a field and a byte, never another error', () => {
    const whole = read(small);
    const last = whole.tensors.at(-1);
    const needed = whole.dataOffset + (last?.offset ?? 0) + (last?.bytes ?? 0);
    for (let length = 0; length < needed; length += 1) {
      const fault = thrownBy(() => read(small.subarray(0, length)));
      expect(fault.kind).toBe('unprocessable');
      expect(typeof fault.details.field).toBe('string');
      expect(typeof fault.details.offset).toBe('number');
      if (length >= whole.dataOffset) expect(fault.message).toBe(`The file is cut: ${length} of ${needed} bytes.`);
      else expect(fault.message).toMatch(/cut|cannot be in|only|fewer/);
    }
    expect(read(small.subarray(0, needed))).toEqual(whole);
  });

  test('a beginning of a file says how much more it takes', () => {
    const bytes = tinyLlama();
    let have = 64;
    let rounds = 0;
    for (;;) {
      rounds += 1;
      const source = sourceOf(bytes.subarray(0, have), bytes.length);
      try {
        expect(readHeader(source).tensors.length).toBe(21);
        break;
      } catch (thrown) {
        const needed = thrown instanceof Fault ? thrown.details.neededBytes : null;
        if (typeof needed !== 'number' || needed <= have) throw thrown;
        have = needed;
      }
    }
    expect(rounds).toBeLessThan(5);
  });

  test('thousands of flipped bits: a header or a Fault, and facts or a Fault', () => {
    const originals = [
      small,
      tinyLlama({ blockCount: 1, width: 8, headCount: 2 }),
      encodeGguf(SMALL, TENSORS, { isBigEndian: true }),
    ];
    let state = 20_261_120;
    const random = (below: number): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
    let headers = 0;
    let faults = 0;
    for (let round = 0; round < 6000; round += 1) {
      const original = originals[round % originals.length] ?? small;
      const bytes = new Uint8Array(original);
      const headerEnd = Math.min(bytes.length, 2048);
      for (let flips = 1 + random(4); flips > 0; flips -= 1) {
        const at = random(headerEnd);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      }
      try {
        factsOf(read(bytes), { fileBytes: bytes.length, fileName: 'flipped.gguf' });
        headers += 1;
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        faults += 1;
      }
    }
    expect(headers).toBeGreaterThan(500);
    expect(faults).toBeGreaterThan(500);
  });
});

/** Writes a header by hand. */
class Hand {
  readonly chunks: Uint8Array[] = [Buffer.from('GGUF')];

  u32(value: number): this {
    const chunk = Buffer.alloc(4);
    chunk.writeUInt32LE(value >>> 0);
    this.chunks.push(chunk);
    return this;
  }
  u64(value: bigint): this {
    const chunk = Buffer.alloc(8);
    chunk.writeBigUInt64LE(BigInt.asUintN(64, value));
    this.chunks.push(chunk);
    return this;
  }
  text(value: string): this {
    this.u64(BigInt(Buffer.byteLength(value)));
    this.chunks.push(Buffer.from(value));
    return this;
  }
}

function raw(build: (put: Hand) => unknown, tail = 4096): Uint8Array {
  const put = new Hand().u32(3);
  build(put);
  return Buffer.concat([...put.chunks, new Uint8Array(tail)]);
}

const TEN_TO_9 = 1_000_000_000n;
const hostileLengths = [2n ** 63n, 2n ** 64n - 1n, 2n ** 63n - 1n, -1n, 2n ** 53n + 1n, 2n ** 32n, 2n ** 31n, TEN_TO_9];

function oneKey(type: number, value: (put: Hand) => unknown): Uint8Array {
  return raw((put) => {
    put.u64(0n);
    put.u64(1n);
    put.text('a.key');
    put.u32(type);
    value(put);
  });
}

function oneTensor(dimensions: readonly bigint[], type = 0, offset = 0n, count = 1): Uint8Array {
  return raw((put) => {
    put.u64(BigInt(count));
    put.u64(0n);
    for (let index = 0; index < count; index += 1) {
      put.text(`t${index}`);
      put.u32(dimensions.length);
      for (const size of dimensions) put.u64(size);
      put.u32(type);
      put.u64(offset);
    }
  });
}

describe('hostile headers', () => {
  const table: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /magic/],
    ['something else', Buffer.from('PK\x03\x04 not a model at all'), /does not begin with "GGUF"/],
    ['version 1', Buffer.concat([Buffer.from('GGUF'), Buffer.from([1, 0, 0, 0]), new Uint8Array(64)]), /version 1/],
    [
      'version 1, big-endian',
      Buffer.concat([Buffer.from('GGUF'), Buffer.from([0, 0, 0, 1]), new Uint8Array(64)]),
      /version 1/,
    ],
    ['version 0', Buffer.concat([Buffer.from('GGUF'), new Uint8Array(64)]), /version/],
    [
      'version 99',
      Buffer.concat([Buffer.from('GGUF'), Buffer.from([99, 0, 0, 0]), new Uint8Array(64)]),
      /99 is not 2 or 3/,
    ],
    ...hostileLengths.flatMap((length): [string, Uint8Array, RegExp][] => [
      [`${length} tensors`, raw((put) => put.u64(length).u64(0n)), /tensor count at byte 8/],
      [`${length} keys`, raw((put) => put.u64(0n).u64(length)), /metadata count at byte 16/],
      [`a key of ${length} bytes`, raw((put) => put.u64(0n).u64(1n).u64(length)), /key 0 at byte 24/],
      [`a string of ${length} bytes`, oneKey(8, (put) => put.u64(length)), /"a.key" at byte 41/],
      [`an array of ${length} strings`, oneKey(9, (put) => put.u32(8).u64(length)), /"a.key" at byte 45/],
      [`an array of ${length} bytes`, oneKey(9, (put) => put.u32(0).u64(length)), /"a.key" at byte 45/],
      [`an array of ${length} doubles`, oneKey(9, (put) => put.u32(12).u64(length)), /"a.key" at byte 45/],
      [
        `an array with a string of ${length} bytes`,
        oneKey(9, (put) => put.u32(8).u64(2n).u64(length)),
        /"a.key" at byte \d+/,
      ],
      [`a tensor of ${length} × ${length}`, oneTensor([length, length]), /t0|"t0"|cut/],
      [`a tensor at ${length}`, oneTensor([8n], 0, length), /t0|cut/],
    ]),
    [
      'a last string that ends behind the file',
      raw((put) => put.u64(0n).u64(1n).text('a.key').u32(9).u32(8).u64(1n).u64(100_000n), 0),
      /"a.key" at byte \d+: the file is cut/,
    ],
    ['an offset that would be rounded', oneTensor([8n], 0, 2n ** 53n + 32n), /t0.*beyond any file/],
    ['a value of an unknown type', oneKey(13, () => {}), /value type 13/],
    ['an array of an unknown type', oneKey(9, (put) => put.u32(99).u64(1n)), /value type 99/],
    [
      'arrays inside arrays inside arrays',
      oneKey(9, (put) => {
        for (let depth = 0; depth < 200; depth += 1) {
          put.u32(9);
          put.u64(1n);
        }
      }),
      /nested too deeply/,
    ],
    [
      'a key twice',
      raw((put) => {
        put.u64(0n);
        put.u64(2n);
        for (const value of [1, 2]) {
          put.text('a.key');
          put.u32(4);
          put.u32(value);
        }
      }),
      /"a.key" at byte 45: it is there twice/,
    ],
    [
      'a tensor twice',
      raw((put) => {
        put.u64(2n);
        put.u64(0n);
        for (const offset of [0n, 32n]) {
          put.text('same');
          put.u32(1);
          put.u64(8n);
          put.u32(0);
          put.u64(offset);
        }
      }),
      /tensor "same".*twice/,
    ],
    ['tensors over each other', oneTensor([8n], 0, 0n, 2), /lies over another tensor/],
    ['a dimension of 0', oneTensor([8n, 0n]), /dimensions of "t0".*0/],
    ['five dimensions', oneTensor([1n, 1n, 1n, 1n, 1n]), /5 is more than 4/],
    ['a product that overflows to 0', oneTensor([2n ** 32n, 2n ** 32n]), /product is beyond/],
    ['rows that are not whole blocks', oneTensor([33n], 2), /not whole Q4_0 blocks/],
    ['a type from nowhere', oneTensor([8n], 0xffffffff), /no tensor type/],
    ['an offset off the grid', oneTensor([8n], 0, 5n), /not aligned/],
    ['an alignment of 0', encodeGguf({ 'general.alignment': u32(0) }, TENSORS), /alignment/],
    ['an alignment of 48', encodeGguf({ 'general.alignment': u32(48) }, TENSORS), /alignment/],
    ['an alignment that is a text', encodeGguf({ 'general.alignment': text('32') }, TENSORS), /alignment/],
  ];
  test.each(table)('%s', (_, bytes, message) => {
    const source = sourceOf(bytes);
    const fault = thrownBy(() => readHeader(source));
    expect(fault.kind).toBe('unprocessable');
    expect(fault.message).toMatch(message);
    expect(source.largestRead()).toBeLessThanOrEqual(GGUF_LIMITS.keptStringBytes);
  });

  test('a key that is a whole book does not fill the message', () => {
    const fault = thrownBy(() => read(oneKey(13, () => {}).map((byte) => byte)));
    expect(fault.message.length).toBeLessThan(300);
    const long = thrownBy(() =>
      read(encodeGguf({ [`${'k'.repeat(60_000)}`]: { type: 'raw', typeNumber: 77, bytes: new Uint8Array(0) } }, [])),
    );
    expect(long.message.length).toBeLessThan(400);
  });

  test('a sparse file that claims to be a terabyte is refused without reading it', () => {
    let bytesRead = 0;
    const beginning = raw(
      (put) =>
        put
          .u64(0n)
          .u64(1n)
          .text('a.key')
          .u32(9)
          .u32(8)
          .u64(2n ** 36n),
      0,
    );
    const source: ByteSource = {
      sizeBytes: 2 ** 40,
      read: (offset, length) => {
        bytesRead += length;
        const block = new Uint8Array(length);
        block.set(beginning.subarray(offset, offset + length));
        return block;
      },
    };
    expect(thrownBy(() => readHeader(source)).message).toMatch(/cannot be in|is not accepted/);
    expect(bytesRead).toBeLessThan(1024 * 1024);
  });

  test('a vocabulary without end stops at the limit of headers', () => {
    // Words of 8: a string of 8 bytes, whose content is the word 8, and so on for ever.
    const block = new Uint8Array(new BigUint64Array(32 * 1024).fill(8n).buffer);
    const count = BigInt(GGUF_LIMITS.headerBytes / 8 - 100);
    const beginning = raw((put) => put.u64(0n).u64(1n).text('a.key.64').u32(9).u32(8).u64(count), 0);
    expect(beginning.length % 8).toBe(0);
    const source: ByteSource = {
      sizeBytes: 2 ** 40,
      read: (offset, length) => {
        if (offset > 0) return block.subarray(0, length);
        const first = block.slice(0, length);
        first.set(beginning);
        return first;
      },
    };
    expect(thrownBy(() => readHeader(source)).message).toMatch(/a header of more than \d+ bytes is not accepted/);
  });

  test('memory does not grow with what headers claim', () => {
    const claims = table.map(([, bytes]) => bytes);
    const round = (): void => {
      for (const bytes of claims) {
        try {
          read(bytes);
        } catch {
          // The table says which Fault.
        }
      }
    };
    round();
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 50; count += 1) round();
    Bun.gc(true);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
  });
});
