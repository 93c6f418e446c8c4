// What lies in the data folder and should not: files that a killed process left half written, secrets that others may read. And
// the mending of both. It must never touch a file that is not ours by its name and place.
import { chmodSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sizeText } from '../base/size.ts';
import { type Finding, finding } from './finding.ts';

export interface FolderFacts {
  readonly dataFolder: string;
  /** Paths of files with secrets in them; those that are not there are passed over. */
  readonly secrets: readonly string[];
  /** False where rights are kept otherwise, as on Windows. */
  readonly hasModes: boolean;
  readonly now: number;
}

/** As `base/file` and `base/archive` name what is not finished. */
const UNFINISHED = /^\..+\.[0-9a-f]{12}\.(tmp|unpacking)$/;
/** Whoever writes one now is done long before. */
const OLD_MS = 3_600_000;

export function* folderFindings(facts: FolderFacts): Generator<Finding, void, void> {
  const left = leftovers(facts);
  if (left.length > 0) {
    yield finding(
      'note',
      'leftovers',
      'data',
      `${left.length === 1 ? 'A file' : `${left.length} files`} in the data folder will never be finished.`,
      {
        evidence: left.map(({ path, sizeBytes }) => `${path} (${sizeText(sizeBytes)})`),
        command: 'drover doctor --fix',
        fix: 'remove',
      },
    );
  }
  for (const { path, mode } of readableSecrets(facts)) {
    yield finding('warning', 'secret-readable', 'safety', `Other users of this machine can read ${path}.`, {
      subject: path,
      evidence: [`mode ${mode.toString(8).padStart(4, '0')}, where 0600 is enough`],
      command: 'drover doctor --fix',
      fix: 'restrict',
    });
  }
}

/** What was done, a sentence each. */
export function mendFolder(facts: FolderFacts): readonly string[] {
  const done: string[] = [];
  for (const { path } of leftovers(facts)) {
    rmSync(path, { recursive: true, force: true });
    done.push(`Removed ${path}.`);
  }
  for (const { path } of readableSecrets(facts)) {
    chmodSync(path, 0o600);
    done.push(`Only its owner can read ${path} now.`);
  }
  return done;
}

function leftovers({ dataFolder, now }: FolderFacts): { readonly path: string; readonly sizeBytes: number }[] {
  const places = ['', 'engines', 'cache', 'sessions', 'children'].map((name) => join(dataFolder, name));
  return places.flatMap((folder) =>
    namesIn(folder)
      .filter((name) => UNFINISHED.test(name))
      .flatMap((name) => {
        const path = join(folder, name);
        const { mtimeMs = now, size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
        return now - mtimeMs < OLD_MS ? [] : [{ path, sizeBytes: size }];
      }),
  );
}

/** Into a folder that is its owner's alone nobody else comes, whatever the files in it say. */
function readableSecrets(facts: FolderFacts): { readonly path: string; readonly mode: number }[] {
  const { dataFolder, secrets, hasModes } = facts;
  const folder = statSync(dataFolder, { throwIfNoEntry: false });
  if (!hasModes || folder === undefined || (folder.mode & 0o011) === 0) return [];
  return secrets.flatMap((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined || (found.mode & 0o077) === 0 ? [] : [{ path, mode: found.mode & 0o777 }];
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // It is not there yet.
    return [];
  }
}
