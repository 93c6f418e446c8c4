// Two caches that keep files under names of their own: Hugging Face's `models--owner--name/snapshots/…` and llama.cpp's older flat
// `owner_name_file.gguf`. It only reads names and the one ref that says which revision is current.
import type { Dirent } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** `models--owner--name` → `owner/name`; null for any other folder. A name without an owner stays as it is. */
export function hubRepository(folderName: string): string | null {
  const match = /^models--(.+)$/.exec(folderName);
  const rest = match?.[1];
  return rest === undefined ? null : rest.replace('--', '/');
}

/**
 * The snapshot folders of a repository, the one to use first: what `refs/main` names, then the newest. Empty where there is none.
 * Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export async function hubSnapshots(repositoryFolder: string): Promise<string[]> {
  const root = join(repositoryFolder, 'snapshots');
  let entries: Dirent[];
  try {
    entries = await readdir(root, { withFileTypes: true });
  } catch {
    return [];
  }
  const current = await currentRevision(repositoryFolder);
  const dated = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(async ({ name }) => {
        const modifiedAt = await stat(join(root, name)).then(
          (status) => status.mtimeMs,
          () => 0,
        );
        return { name, modifiedAt };
      }),
  );
  dated.sort(
    (left, right) =>
      Number(right.name === current) - Number(left.name === current) ||
      right.modifiedAt - left.modifiedAt ||
      (left.name < right.name ? -1 : 1),
  );
  return dated.map(({ name }) => join(root, name));
}

async function currentRevision(repositoryFolder: string): Promise<string | null> {
  try {
    await using file = await open(join(repositoryFolder, 'refs', 'main'), 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(128), 0, 128, 0);
    return buffer.subarray(0, bytesRead).toString('utf8').trim() || null;
  } catch {
    return null;
  }
}

/**
 * Reads llama.cpp's flat cache: `manifest=owner=name=tag.json` beside `owner_name_file.gguf`. Returns a function from a file's name
 * to its repository and its own name; null for what it does not know.
 */
export function flatCacheNames(
  entryNames: Iterable<string>,
): (fileName: string) => { repository: string; name: string } | null {
  const repositories = new Map<string, string>();
  for (const entryName of entryNames) {
    const match = /^manifest=([^=]+)=([^=]+)=[^=]*\.json$/.exec(entryName);
    if (match !== null) repositories.set(`${match[1]}_${match[2]}_`, `${match[1]}/${match[2]}`);
  }
  return (fileName) => {
    for (const [prefix, repository] of repositories) {
      if (fileName.startsWith(prefix)) return { repository, name: fileName.slice(prefix.length) };
    }
    const match = /^([A-Za-z0-9-]+)_(.+?[-_.]GGUF)_(.+)$/i.exec(fileName);
    if (match === null) return null;
    return { repository: `${match[1]}/${match[2]}`, name: match[3] ?? fileName };
  };
}
