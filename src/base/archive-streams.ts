// Bytes of a file, and bytes out of gzip, xz and zstd, as they come: never a whole archive in memory.
import { open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { XzReadableStream } from 'xz-decompress';
import { badArchive } from './archive-intake.ts';
import { Fault } from './fault.ts';

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

const CHUNK_BYTES = 256 * 1024;

/** The bytes from `start` up to `end` (not included) of a file; throws when it is shorter. */
export async function* readRange(path: string, start: number, end: number): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r');
  try {
    let at = start;
    while (at < end) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw badArchive('The archive ends too early.');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/**
 * Decompresses; several streams behind each other count as one. Throws when the data is damaged, or cut (gzip and xz;
 * a cut zstd frame just ends, so that its reader has to know where the end must be).
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  if (compression === 'none') {
    yield* source;
    return;
  }
  try {
    yield* compression === 'xz' ? throughXz(source) : throughZlib(source, compression);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw badArchive(`The archive's ${compression} data is damaged or cut (${reason}).`, undefined, thrown);
  }
}

async function* throughZlib(
  source: AsyncIterable<Uint8Array>,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Uint8Array> {
  const engine = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  const input = Readable.from(source, { objectMode: true });
  pipeline(input, engine, () => undefined);
  try {
    for await (const chunk of engine) yield chunk as Buffer;
  } finally {
    engine.destroy();
    input.destroy();
  }
}

async function* throughXz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = source[Symbol.asyncIterator]();
  const compressed = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await input.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await input.return?.();
    },
  });
  const reader = new XzReadableStream(compressed).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
    await input.return?.();
  }
}
