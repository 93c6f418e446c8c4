// Zip entries into an intake. The format is yauzl's matter; the judgement is the intake's.
import { crc32 } from 'node:zlib';
import { type Entry, open, type ZipFile } from 'yauzl';
import { badArchive, type Intake, readingFault } from './archive-intake.ts';

const MADE_BY_UNIX = 3;
const KIND_MASK = 0o170000;
const KIND_LINK = 0o120000;
const KIND_FOLDER = 0o040000;
const KIND_FILE = 0o100000;
const LINK_BYTES_MAX = 4096;

/** Reads a whole zip; throws a Fault where it is damaged, encrypted or has an entry that is refused. */
export async function readZip(path: string, intake: Intake, onOffset: (bytes: number) => void): Promise<void> {
  let zip: ZipFile | null = null;
  try {
    zip = await openZip(path);
    for (let entry = await nextEntry(zip); entry !== null; entry = await nextEntry(zip)) {
      await take(zip, entry, intake);
      onOffset(entry.compressedSize);
    }
  } catch (thrown) {
    throw readingFault(thrown);
  } finally {
    zip?.close();
  }
}

async function take(zip: ZipFile, entry: Entry, intake: Intake): Promise<void> {
  const name = entry.fileName;
  const target = intake.admit(name);
  if (target === null) return;
  const mode = entry.versionMadeBy >> 8 === MADE_BY_UNIX ? entry.externalFileAttributes >>> 16 : 0;
  const kind = mode & KIND_MASK;
  if (name.endsWith('/') || kind === KIND_FOLDER) return intake.folder(target);
  if (kind !== 0 && kind !== KIND_FILE && kind !== KIND_LINK) return intake.refuse(name, 'special file');
  if ((entry.generalPurposeBitFlag & 1) !== 0) throw badArchive('The archive is encrypted.', name);
  const body = content(zip, entry, intake);
  if (kind !== KIND_LINK) return intake.file(target, mode, entry.uncompressedSize, body);
  if (entry.uncompressedSize > LINK_BYTES_MAX) throw badArchive('A link in the archive is too long.', name);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  intake.link(name, target, Buffer.concat(chunks).toString('utf8'));
}

async function* content(zip: ZipFile, entry: Entry, intake: Intake): AsyncGenerator<Uint8Array> {
  const stream = await new Promise<NodeJS.ReadableStream & { destroy(): void }>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  let sum = 0;
  try {
    for await (const piece of stream) {
      const chunk = piece as Buffer;
      intake.count(chunk.length);
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } finally {
    stream.destroy();
  }
  if (sum !== entry.crc32) throw badArchive(`The entry ${JSON.stringify(entry.fileName)} is damaged.`, entry.fileName);
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false, validateEntrySizes: true }, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

function nextEntry(zip: ZipFile): Promise<Entry | null> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      zip.removeAllListeners('entry');
      zip.removeAllListeners('end');
      zip.removeAllListeners('error');
      act();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry))());
    zip.once(
      'end',
      settle(() => resolve(null)),
    );
    zip.once('error', (error: unknown) => settle(() => reject(error))());
    zip.readEntry();
  });
}
