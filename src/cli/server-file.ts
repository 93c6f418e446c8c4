// What a running server leaves in its data directory, so that the command line finds it. It must never be taken away by
// anybody but the server that it names: after a restart it is the successor's.
import { readFileSync, unlinkSync } from 'node:fs';
import { writeFileAtomically } from '../base/file.ts';
import type { ServerFile } from './client.ts';

export function readServerFile(path: string): ServerFile | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ServerFile;
  } catch {
    return null;
  }
}

export const writeServerFile = (path: string, server: ServerFile): void =>
  writeFileAtomically(path, `${JSON.stringify(server)}\n`, { mode: 0o600 });

export function removeServerFile(path: string, pid: number): void {
  if (readServerFile(path)?.pid !== pid) return;
  try {
    unlinkSync(path);
  } catch {
    // Somebody tidied up already.
  }
}
