// `drover self-test`: a whole server in a folder of its own, on a free port of loopback, asked what every user asks first. It
// is how an update finds out whether a new executable works here. It must never touch anything that is somebody's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { loadConfig } from '../config/load.ts';
import type { ServerClient } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { green, print, printJson } from './terminal.ts';
import { VERSION } from './version.ts';

/** What is asked, and what an answer must hold. */
const QUESTIONS: readonly (readonly [path: string, holds: string])[] = [
  ['/health', 'OK'],
  ['/v1/models', 'drover-probe'],
  ['/drover/status', VERSION],
  ['/ui/', '<html'],
  ['/docs', '<html'],
  ['/docs/json', '"openapi"'],
];

export const selfTest: Run = async (call) => {
  const startedAt = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'drover-self-test-'));
  try {
    const config = loadConfig({ dataDir: folder, offline: true, scanKnownFolders: false }, {});
    const { startQuietly } = await import('./serve.ts');
    const quiet: Call = { ...call, config, options: {} };
    await using server = await startQuietly(quiet);
    for (const [path, holds] of QUESTIONS) await ask(server.client, path, holds);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const tookMs = Math.round(performance.now() - startedAt);
  if (call.isJson) printJson({ version: VERSION, isGood: true, tookMs });
  else print(`${green('✓')} drover ${VERSION} works here (${tookMs} ms)`);
  return 0;
};

async function ask(client: ServerClient, path: string, holds: string): Promise<void> {
  const text = await (await client.send('GET', path)).text();
  if (text.includes(holds)) return;
  throw new Fault('internal', `${path} answers without ${holds}: ${text.slice(0, 200)}`);
}
