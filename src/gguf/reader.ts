// Bytes → header and tensor table of a GGUF file, v2 and v3, in either byte order. All limits of the format are here; long arrays are
// counted and stepped over, and no allocation follows a length field. It must never touch the disk or know what a key means.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { Fault } from '../base/fault.ts';
import { type ByteSource, Cursor } from './cursor.ts';
import { tensorTypeName, tensorTypeOf } from './tensor-types.ts';

export { type ByteSource, prefixSource } from './cursor.ts';

/** What a header may hold at most. Each bounds work or memory that a hostile file could ask for. */
export interface GgufLimits {
  /** Where the header (metadata and tensor table) must have ended. The largest vocabularies take 20 MB. */
  readonly headerBytes: number;
  readonly metadataCount: number;
  /** The largest models with one tensor per expert have 60,000. */
  readonly tensorCount: number;
  readonly keyBytes: number;
  readonly tensorNameBytes: number;
  /** Longer strings are only measured. Chat templates take up to 0.1 MB. */
  readonly keptStringBytes: number;
  /** Longer numeric arrays are only counted. */
  readonly keptArrayItems: number;
  /** All kept strings and arrays together. */
  readonly keptBytes: number;
  /** Arrays inside arrays; llama.cpp itself reads none. */
  readonly arrayDepth: number;
}

export const GGUF_LIMITS: GgufLimits = {
  headerBytes: 256 * 1024 * 1024,
  metadataCount: 65_536,
  tensorCount: 262_144,
  keyBytes: 65_535,
  tensorNameBytes: 1024,
  keptStringBytes: 1024 * 1024,
  keptArrayItems: 4096,
  keptBytes: 16 * 1024 * 1024,
  arrayDepth: 3,
};

export type GgufValueType =
  | 'u8'
  | 'i8'
  | 'u16'
  | 'i16'
  | 'u32'
  | 'i32'
  | 'f32'
  | 'bool'
  | 'string'
  | 'array'
  | 'u64'
  | 'i64'
  | 'f64';

/** A value that was stepped over: an array of `count` items, or a string of `count` bytes. */
export interface GgufSkipped {
  readonly type: 'array' | 'string';
  readonly of: GgufValueType;
  readonly count: number;
}

/** 64-bit integers are numbers where they are safe ones. */
export type GgufValue = number | bigint | boolean | string | readonly number[] | readonly boolean[] | GgufSkipped;

export interface GgufTensor {
  readonly name: string;
  /** Fastest first, as in the file. */
  readonly dimensions: readonly number[];
  readonly elementCount: number;
  readonly typeNumber: number;
  /** `Q4_K`; `TYPE_137` for one that we do not know. */
  readonly typeName: string;
  /** From the start of the tensor data. */
  readonly offset: number;
  /** Without padding. Of an unknown type: what lies between it and the next tensor. */
  readonly bytes: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly isBigEndian: boolean;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
  /** In bytes, a power of two. */
  readonly alignment: number;
  /** Where tensor data begins, from the start of the file. */
  readonly dataOffset: number;
}

const VALUE_TYPES: readonly GgufValueType[] = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
];
/** Bytes of one item; of strings and arrays: the least that one takes. */
const MINIMAL_BYTES: Readonly<Record<GgufValueType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  string: 8,
  array: 12,
  u64: 8,
  i64: 8,
  f64: 8,
};
const MAGIC = 0x46554747;
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1024 * 1024;

/**
 * Reads the header. Throws a Fault `unprocessable` that names field and byte offset for anything that is not a whole GGUF file;
 * where a source holds only the file's beginning, `details.neededBytes` says how much it should hold.
 */
export function readHeader(source: ByteSource, limits: GgufLimits = GGUF_LIMITS): GgufHeader {
  const cursor = new Cursor(source, limits.headerBytes);
  const version = readVersion(cursor);
  const tensorCount = cursor.count('tensor count', 24, limits.tensorCount);
  const metadataCount = cursor.count('metadata count', 13, limits.metadataCount);
  const metadata = readMetadata(cursor, metadataCount, limits);
  const alignment = alignmentOf(cursor, metadata);
  const drafts = readTensorTable(cursor, tensorCount, alignment, limits);
  const dataOffset = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = placeTensors(cursor, drafts, dataOffset, source.sizeBytes);
  return { version, isBigEndian: !cursor.isLittleEndian, metadata, tensors, alignment, dataOffset };
}

function readVersion(cursor: Cursor): number {
  if (cursor.remaining < 4) cursor.fail('magic', `the file has only ${cursor.remaining} bytes`);
  if (cursor.u32('magic') !== MAGIC) cursor.fail('magic', 'the file does not begin with "GGUF"', 0);
  let version = cursor.u32('version');
  if (version !== 0 && (version & 0xffff) === 0) {
    cursor.isLittleEndian = false;
    version = ((version & 0xff) << 24) | ((version & 0xff00) << 8) | ((version >>> 8) & 0xff00) | (version >>> 24);
  }
  if (version === 1) {
    throw new Fault('unprocessable', 'GGUF version 1 (at byte 4) is no longer read by llama.cpp.', {
      hint: 'Download a newer conversion of this model.',
      details: { field: 'version', offset: 4 },
    });
  }
  if (version !== 2 && version !== 3) cursor.fail('version', `${version >>> 0} is not 2 or 3`, 4);
  return version;
}

function readMetadata(cursor: Cursor, count: number, limits: GgufLimits): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  const budget = { bytes: limits.keptBytes };
  for (let index = 0; index < count; index += 1) {
    const offset = cursor.offset;
    const key = cursor.string(`key ${index}`, limits.keyBytes);
    if (metadata.has(key)) cursor.fail(`key ${quote(key)}`, 'it is there twice', offset);
    metadata.set(key, readValue(cursor, readValueType(cursor, key), key, limits, budget));
  }
  return metadata;
}

function readValueType(cursor: Cursor, key: string): GgufValueType {
  const offset = cursor.offset;
  const number = cursor.u32(quote(key));
  const type = VALUE_TYPES[number];
  if (type === undefined) cursor.fail(quote(key), `value type ${number} is unknown`, offset);
  return type;
}

function readValue(
  cursor: Cursor,
  type: GgufValueType,
  key: string,
  limits: GgufLimits,
  budget: { bytes: number },
): GgufValue {
  if (type === 'string') {
    const offset = cursor.offset;
    const length = cursor.count(quote(key), 1);
    if (length > limits.keptStringBytes) {
      cursor.skip(length, quote(key));
      return { type: 'string', of: 'u8', count: length };
    }
    spend(cursor, budget, length, key, offset);
    return cursor.text(quote(key), length);
  }
  if (type === 'array') return readArray(cursor, key, limits, budget);
  return readScalar(cursor, type, key);
}

function readScalar(
  cursor: Cursor,
  type: Exclude<GgufValueType, 'string' | 'array'>,
  key: string,
): number | bigint | boolean {
  if (type === 'bool') return cursor.u8(key) !== 0;
  if (type !== 'u64' && type !== 'i64') return cursor[type](key);
  const value = cursor[type](key);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function readArray(
  cursor: Cursor,
  key: string,
  limits: GgufLimits,
  budget: { bytes: number },
): readonly number[] | readonly boolean[] | GgufSkipped {
  const offset = cursor.offset;
  const of = readValueType(cursor, key);
  const count = cursor.count(quote(key), MINIMAL_BYTES[of]);
  const skipped: GgufSkipped = { type: 'array', of, count };
  if (of === 'string' || of === 'array') {
    skipItems(cursor, of, count, key, limits.arrayDepth - 1);
    return skipped;
  }
  if (count > limits.keptArrayItems) {
    cursor.skip(count * MINIMAL_BYTES[of], quote(key));
    return skipped;
  }
  spend(cursor, budget, count * 8, key, offset);
  if (of === 'bool') {
    const flags: boolean[] = [];
    for (let index = 0; index < count; index += 1) flags.push(cursor.u8(key) !== 0);
    return flags;
  }
  const numbers: number[] = [];
  for (let index = 0; index < count; index += 1) numbers.push(Number(readScalar(cursor, of, key)));
  return numbers;
}

function skipItems(cursor: Cursor, of: GgufValueType, count: number, key: string, depth: number): void {
  if (of === 'string') cursor.skipStrings(count, quote(key));
  else if (of !== 'array') cursor.skip(count * MINIMAL_BYTES[of], quote(key));
  else {
    if (depth <= 0) cursor.fail(quote(key), 'arrays are nested too deeply');
    for (let index = 0; index < count; index += 1) {
      const inner = readValueType(cursor, key);
      skipItems(cursor, inner, cursor.count(quote(key), MINIMAL_BYTES[inner]), key, depth - 1);
    }
  }
}

function spend(cursor: Cursor, budget: { bytes: number }, bytes: number, key: string, offset: number): void {
  budget.bytes -= bytes;
  if (budget.bytes < 0) cursor.fail(quote(key), 'the metadata is larger than is accepted', offset);
}

function alignmentOf(cursor: Cursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPowerOfTwo =
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value > 0 &&
    value <= MAX_ALIGNMENT &&
    (value & (value - 1)) === 0;
  if (!isPowerOfTwo) cursor.fail('"general.alignment"', `${String(value)} is not a power of two`);
  return value;
}

type TensorDraft = Omit<GgufTensor, 'bytes'> & {
  /** Null where the type is unknown. */
  readonly bytes: number | null;
  /** Where its entry stands, for messages. */
  readonly entryOffset: number;
};

function readTensorTable(cursor: Cursor, count: number, alignment: number, limits: GgufLimits): TensorDraft[] {
  const drafts: TensorDraft[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index += 1) {
    const entryOffset = cursor.offset;
    const name = cursor.string(`name of tensor ${index}`, limits.tensorNameBytes);
    if (names.has(name)) cursor.fail(`tensor ${quote(name)}`, 'it is there twice', entryOffset);
    names.add(name);
    const { dimensions, elementCount } = readDimensions(cursor, name);
    const typeOffset = cursor.offset;
    const typeNumber = cursor.u32(name);
    if (typeNumber > 0xffff) cursor.fail(`type of ${quote(name)}`, `${typeNumber} is no tensor type`, typeOffset);
    const bytes = bytesOf(cursor, name, typeNumber, dimensions, elementCount, typeOffset);
    const offsetOffset = cursor.offset;
    const offset = cursor.size(name);
    if (offset % alignment !== 0) {
      cursor.fail(`offset of ${quote(name)}`, `${offset} is not aligned to ${alignment}`, offsetOffset);
    }
    drafts.push({
      name,
      dimensions,
      elementCount,
      typeNumber,
      typeName: tensorTypeName(typeNumber),
      offset,
      bytes,
      entryOffset,
    });
  }
  return drafts;
}

function readDimensions(cursor: Cursor, name: string): { dimensions: number[]; elementCount: number } {
  const offset = cursor.offset;
  const count = cursor.u32(name);
  if (count > MAX_DIMENSIONS) cursor.fail(`dimensions of ${quote(name)}`, `${count} is more than 4`, offset);
  const dimensions: number[] = [];
  let elementCount = 1;
  for (let index = 0; index < count; index += 1) {
    const size = cursor.size(name);
    if (size === 0) cursor.fail(`dimensions of ${quote(name)}`, 'one is 0', offset);
    elementCount *= size;
    if (elementCount > Number.MAX_SAFE_INTEGER)
      cursor.fail(`dimensions of ${quote(name)}`, 'their product is beyond any file', offset);
    dimensions.push(size);
  }
  return { dimensions, elementCount };
}

function bytesOf(
  cursor: Cursor,
  name: string,
  typeNumber: number,
  dimensions: readonly number[],
  elementCount: number,
  offset: number,
): number | null {
  const type = tensorTypeOf(typeNumber);
  if (type === null) return null;
  const rowElements = dimensions[0] ?? 1;
  if (rowElements % type.blockElements !== 0) {
    cursor.fail(`type of ${quote(name)}`, `rows of ${rowElements} are not whole ${type.name} blocks`, offset);
  }
  const bytes = (elementCount / type.blockElements) * type.blockBytes;
  if (bytes > Number.MAX_SAFE_INTEGER) cursor.fail(`type of ${quote(name)}`, 'its size is beyond any file', offset);
  return bytes;
}

/** Measures what has no known size, and checks that tensors neither overlap nor leave the file. */
function placeTensors(
  cursor: Cursor,
  drafts: readonly TensorDraft[],
  dataOffset: number,
  sizeBytes: number,
): GgufTensor[] {
  let isInOrder = true;
  for (let index = 1; index < drafts.length; index += 1) {
    if ((drafts[index]?.offset ?? 0) < (drafts[index - 1]?.offset ?? 0)) isInOrder = false;
  }
  const ordered = isInOrder ? drafts : [...drafts].sort((left, right) => left.offset - right.offset);
  const sizes = new Map<TensorDraft, number>();
  let endOffset = 0;
  ordered.forEach((draft, index) => {
    const nextOffset = ordered[index + 1]?.offset ?? Math.max(sizeBytes - dataOffset, draft.offset);
    const bytes = draft.bytes ?? nextOffset - draft.offset;
    if (draft.offset < endOffset)
      cursor.fail(`offset of ${quote(draft.name)}`, 'it lies over another tensor', draft.entryOffset);
    endOffset = draft.offset + bytes;
    if (draft.bytes === null) sizes.set(draft, bytes);
  });
  const neededBytes = dataOffset + endOffset;
  if (drafts.length > 0 && neededBytes > sizeBytes) {
    throw new Fault('unprocessable', `The file is cut: ${sizeBytes} of ${neededBytes} bytes.`, {
      hint: 'Download it again.',
      details: { field: 'tensor data', offset: dataOffset, sizeBytes, wholeBytes: neededBytes },
    });
  }
  return drafts.map((draft) => {
    const { entryOffset: _, bytes, ...rest } = draft;
    return { ...rest, bytes: bytes ?? sizes.get(draft) ?? 0 };
  });
}

/** A key or name from a hostile file, fit for a message. */
function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}…` : text;
  return JSON.stringify(short);
}
