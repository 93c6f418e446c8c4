// The SHA-256 of a file on disk, read in pieces. It must never hold the file in memory.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Lower-case hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
