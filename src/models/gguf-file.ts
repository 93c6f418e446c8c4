// Opens a GGUF file on disk and reads its facts: header only, through one reused buffer. It must never map the file (a mapping of
// a file that shrinks kills the process) nor leave a descriptor open.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { errorCode, Fault, toFault } from '../base/fault.ts';
import { factsOf, type ModelFacts } from '../gguf/facts.ts';
import { type ByteSource, type GgufHeader, readHeader } from '../gguf/reader.ts';

// Opening a named pipe would wait for a writer for ever; Windows has no such flag.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

let buffer = new Uint8Array(256 * 1024);

/** Facts of one file (of a split model: of this shard). Throws Faults: `not_found`, `forbidden`, `unprocessable`. */
export function readModelFacts(path: string): ModelFacts {
  return withSource(path, (source) =>
    factsOf(readHeader(source), { fileBytes: source.sizeBytes, fileName: basename(path) }),
  );
}

/** The whole header of one file, for those who want to look at its keys. Throws as `readModelFacts` does. */
export function readGgufHeader(path: string): GgufHeader {
  return withSource(path, (source) => readHeader(source));
}

function withSource<Result>(path: string, use: (source: ByteSource) => Result): Result {
  let descriptor: number;
  try {
    descriptor = openSync(path, OPEN_FLAGS);
  } catch (thrown) {
    throw faultOf(thrown, path);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new Fault('unprocessable', `${path} is not a file.`);
    return use({
      sizeBytes: status.size,
      read: (offset, length) => {
        if (buffer.length < length) buffer = new Uint8Array(length);
        let filled = 0;
        while (filled < length) {
          const count = readSync(descriptor, buffer, filled, length - filled, offset + filled);
          if (count === 0) break;
          filled += count;
        }
        return buffer.subarray(0, filled);
      },
    });
  } catch (thrown) {
    throw faultOf(thrown, path);
  } finally {
    closeSync(descriptor);
  }
}

function faultOf(thrown: unknown, path: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = errorCode(thrown);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new Fault('not_found', `There is no file ${path}.`, { cause: thrown });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new Fault('forbidden', `${path} may not be read.`, {
      cause: thrown,
      blame: 'machine',
      hint: 'Give the user that Drover runs as the right to read it.',
    });
  }
  if (code === 'EISDIR') return new Fault('unprocessable', `${path} is not a file.`, { cause: thrown });
  return toFault(thrown);
}
