// What a large download costs the process that it runs in: its event loop, and its memory. The file is never stored.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Content, contentServer } from '../fixtures/range-server.ts';

const MIB = 1024 * 1024;
const CHILD = join(import.meta.dir, '../fixtures/downloading-child.ts');
const content = new Content(512 * MIB);

export interface ChildReport {
  readonly sha256: string;
  readonly spentMs: number;
  readonly cpuMs: number;
  readonly extraBytes: number;
  readonly gapsMs: readonly number[];
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'drover-load-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function download(connections: number): Promise<ChildReport> {
  await using server = await contentServer(content);
  const path = join(folder, `model-${connections}.gguf`);
  const child = Bun.spawn([process.execPath, CHILD, `${server.url}/x`, path, content.sha256, String(connections)], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const line = await new Response(child.stdout).text();
  rmSync(path, { force: true });
  return JSON.parse(line) as ChildReport;
}

test.each([1, 4])(
  '512 MiB over %d connections: at most 64 MB of memory, and the event loop stays awake',
  async (count) => {
    const { sha256, extraBytes, gapsMs, spentMs } = await download(count);
    expect(sha256).toBe(content.sha256);
    expect(extraBytes / 1e6).toBeLessThan(64);
    // A machine that is busy with other things lets anybody sleep now and then; a loop that is starved sleeps all the time.
    const asleepMs = gapsMs.filter((gap) => gap > 30).reduce((sum, gap) => sum + gap, 0);
    expect(asleepMs).toBeLessThan(Math.max(300, spentMs * 0.25));
  },
);
