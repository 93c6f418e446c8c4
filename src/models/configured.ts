// Finds the files that the configuration names, also outside of the scanned folders, with the parts and projectors beside them.
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, Fault, toFault } from '../base/fault.ts';
import { type FoundFile, findFile, isGgufName, plainContext } from './found-file.ts';
import type { ConfiguredModel } from './library.ts';
import { parseFileName } from './names.ts';

export interface ConfiguredSighting {
  readonly entry: ConfiguredModel;
  readonly path: string;
  readonly file: FoundFile | null;
  readonly projector: FoundFile | null;
  readonly fault: Fault | null;
  /** All that was seen: the file, its other parts, projectors beside it. */
  readonly found: readonly FoundFile[];
}

/** Looks for one entry's files; `known` are those that the folders gave already, by path. Never throws. */
export async function findConfigured(
  entry: ConfiguredModel,
  path: string,
  projectorPath: string | null,
  known: ReadonlyMap<string, FoundFile>,
): Promise<ConfiguredSighting> {
  const found: FoundFile[] = [];
  const look = async (wanted: string, what: string): Promise<FoundFile> => {
    try {
      const file = known.get(wanted) ?? (await findFile(wanted, plainContext(wanted, 'config')));
      if (file === null) throw new Fault('unprocessable', `${what} ${wanted} is not a file.`);
      found.push(file);
      return file;
    } catch (thrown) {
      throw faultOf(thrown, what, wanted, entry.id);
    }
  };
  let file: FoundFile | null = null;
  try {
    file = await look(path, 'The file');
    if (!known.has(path)) found.push(...(await neighbours(path)));
    const projector = projectorPath === null ? null : await look(projectorPath, 'The projector');
    return { entry, path, file, projector, fault: null, found };
  } catch (thrown) {
    return { entry, path, file, projector: null, fault: toFault(thrown), found };
  }
}

/** Other parts of a split file, and projectors. */
async function neighbours(path: string): Promise<FoundFile[]> {
  const own = parseFileName(basename(path));
  const names = await readdir(dirname(path)).catch((): string[] => []);
  const wanted = names.filter((name) => {
    if (!isGgufName(name) || name === basename(path)) return false;
    const other = parseFileName(name);
    return (
      /mmproj/i.test(name) || (own.shard !== null && other.stem === own.stem && other.shard?.count === own.shard.count)
    );
  });
  const files = await Promise.all(
    wanted.map((name) => {
      const neighbour = join(dirname(path), name);
      return findFile(neighbour, plainContext(neighbour, 'config')).catch(() => null);
    }),
  );
  return files.filter((file) => file !== null);
}

function faultOf(thrown: unknown, what: string, path: string, id: string): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = errorCode(thrown);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new Fault('not_found', `${what} ${path} does not exist.`, {
      cause: thrown,
      hint: `Correct the entry "${id}" of the configuration, or put the file there.`,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new Fault('forbidden', `${what} ${path} may not be read.`, {
      cause: thrown,
      blame: 'machine',
      hint: 'Give the user that Drover runs as the right to read it.',
    });
  }
  return toFault(thrown);
}
