// Space on the file systems that hold the folders asked about. It must never hang on a dead network mount: the caller
// sets a deadline, and a folder that does not answer has null figures.
import type { Disk } from './probe.ts';
import type { Reading, System } from './system.ts';

export async function readDisks(system: System, paths: readonly string[]): Promise<Reading<Disk[]>> {
  const notes: string[] = [];
  const value = await Promise.all(
    paths.map(async (path): Promise<Disk> => {
      const space = await system.diskSpace(path);
      if (space === null) notes.push(`The free space at ${path} cannot be read.`);
      return { path, totalBytes: space?.totalBytes ?? null, freeBytes: space?.freeBytes ?? null };
    }),
  );
  return { value, notes };
}
