// The thread beside the main one that hashes a growing file: it reads what it is told is there, and nothing more.
// It must never look further than its orders, and owns nothing that it could leave behind; see file-digest.ts.
import { readSync } from 'node:fs';
import type { DigestOrder, DigestReport } from './file-digest.ts';

/** Small enough to stay in a processor's own cache between the read and the hash. */
const SLICE_BYTES = 256 * 1024;

const hash = new Bun.CryptoHasher('sha256');
const slice = new Uint8Array(SLICE_BYTES);
let doneBytes = 0;

// What is thrown here reaches the owner as an error of the worker.
addEventListener('message', ({ data }: MessageEvent<DigestOrder>): void => {
  while (doneBytes < data.untilBytes) {
    const wantedBytes = Math.min(SLICE_BYTES, data.untilBytes - doneBytes);
    const readBytes = readSync(data.descriptor, slice, 0, wantedBytes, doneBytes);
    if (readBytes === 0) throw new Error(`the file ends at ${doneBytes} before ${data.untilBytes}`);
    hash.update(readBytes === SLICE_BYTES ? slice : slice.subarray(0, readBytes));
    doneBytes += readBytes;
  }
  const report: DigestReport = { doneBytes, sha256: data.isLast ? hash.digest('hex') : null };
  postMessage(report);
});
