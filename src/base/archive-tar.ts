// Tar entries into an intake, as the bytes come. The format is tar-stream's matter; the judgement is the intake's.
import { type Extract, extract } from 'tar-stream';
import { badArchive, type Intake, readingFault } from './archive-intake.ts';

type Entry = Extract extends AsyncIterable<infer Each> ? Each : never;

const END_BYTES = 1024;

/** Reads a whole tar; throws a Fault where it is damaged, cut or has an entry that is refused. */
export async function readTar(source: AsyncIterable<Uint8Array>, intake: Intake): Promise<void> {
  const parser = extract();
  let zeroTail = 0;
  const feeding = feed(parser, source, (chunk) => {
    intake.count(chunk.length);
    zeroTail = countZeroTail(chunk, zeroTail);
  });
  try {
    for await (const entry of parser) await take(entry, intake);
  } catch (thrown) {
    parser.destroy(null);
    // A Fault of the feeding (a limit, damaged data) says more than the parser's surprise.
    await feeding;
    throw readingFault(thrown);
  }
  await feeding;
  // Two empty blocks end a tar; without them it was cut between two entries.
  if (zeroTail < END_BYTES) throw badArchive('The archive is cut: its end is missing.');
}

async function take(entry: Entry, intake: Intake): Promise<void> {
  const { name, type, size, mode, linkname } = entry.header;
  const target = intake.admit(name);
  if (target === null) {
    entry.resume();
    return;
  }
  if (type === 'file' || type === 'contiguous-file') {
    await intake.file(target, mode, size, entry as AsyncIterable<Uint8Array>);
    return;
  }
  entry.resume();
  if (type === 'directory') await intake.folder(target);
  else if (type === 'symlink') intake.link(name, target, linkname ?? '');
  else intake.refuse(name, type === 'link' ? 'hard link' : (type ?? 'thing of unknown kind'));
}

async function feed(
  parser: Extract,
  source: AsyncIterable<Uint8Array>,
  look: (chunk: Uint8Array) => void,
): Promise<void> {
  try {
    for await (const chunk of source) {
      if (parser.destroyed) return;
      look(chunk);
      if (!parser.write(chunk)) await untilReady(parser);
    }
    parser.end(null);
  } catch (thrown) {
    parser.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

function untilReady(parser: Extract): Promise<void> {
  return new Promise((resolve) => {
    const ready = (): void => {
      parser.off('drain', ready);
      parser.off('close', ready);
      resolve();
    };
    parser.on('drain', ready);
    parser.on('close', ready);
  });
}

/** How many zero bytes the stream ends with, up to what matters. */
function countZeroTail(chunk: Uint8Array, before: number): number {
  let count = 0;
  while (count < chunk.length && count < END_BYTES && chunk[chunk.length - 1 - count] === 0) count += 1;
  return count === chunk.length ? Math.min(before + count, END_BYTES) : count;
}
