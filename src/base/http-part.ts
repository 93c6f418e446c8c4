// What lies beside an unfinished download, so that a later run can tell whether it may go on from there.
// It must never be believed without its digest or a validator of the server.
import { readFileSync, rmSync } from 'node:fs';
import { writeFileAtomically } from './file.ts';

/** What the part on disk is a part of; kept beside it as `<path>.part.json`. */
export interface PartFacts {
  readonly url: string;
  /** A strong ETag or a Last-Modified date: what `If-Range` may name. */
  readonly validator: string | null;
  readonly sizeBytes: number | null;
}

/** Removes what an unfinished download of `path` left. */
export function dropPart(path: string): void {
  rmSync(`${path}.part`, { force: true });
  rmSync(`${path}.part.json`, { force: true });
}

export function writePartFacts(path: string, facts: PartFacts): void {
  writeFileAtomically(`${path}.part.json`, JSON.stringify(facts));
}

/** Null where there are none that can be understood. */
export function readPartFacts(path: string): PartFacts | null {
  try {
    const value = JSON.parse(readFileSync(`${path}.part.json`, 'utf8')) as Record<string, unknown>;
    const { url, validator, sizeBytes } = value;
    if (typeof url !== 'string') return null;
    return {
      url,
      validator: typeof validator === 'string' ? validator : null,
      sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null,
    };
  } catch {
    return null;
  }
}
