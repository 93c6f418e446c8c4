// ClaraCore's Python and JavaScript examples as its document prints them, against the compiled executable and the real
// engine: only the address and the key are filled in.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { findPython } from '../fixtures/python.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const root = temporaryFolder('claracore-clients');
const models = join(root.path, 'models');
const llama = (name: string, blockCount = 2): Uint8Array => tinyLlama({ name, contextTokens: 256, blockCount });
let drover: RunningDrover;
let hub: FakeHub;

beforeAll(async () => {
  mkdirSync(models);
  writeFileSync(join(models, 'llama-3.2-3b-instruct-q4-k-m.gguf'), llama('Llama 3.2 3B Instruct'));
  hub = await startHub({
    repositories: [{ id: 'owner/name', files: [{ path: 'new.gguf', content: llama('New', 12) }] }],
  });
  drover = await startDrover({
    modelsFolders: [models],
    environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
  });
  await drover.json('/api/settings/system', { requireApiKey: true, apiKey: 'your-api-key' });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const withKey = (path: string, body?: unknown): Promise<Response> =>
  drover.request(path, {
    headers: { authorization: 'Bearer your-api-key', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });

/** Runs one of the examples and gives what it prints, line by line, until it has printed what is waited for. */
async function printed(argv: readonly string[], wanted: RegExp, onLine?: (line: string) => void): Promise<string[]> {
  const child = Bun.spawn([...argv], {
    cwd: import.meta.dir,
    env: { ...process.env, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const errors = new Response(child.stderr).text();
  const lines: string[] = [];
  try {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of child.stdout) {
      rest += decoder.decode(chunk, { stream: true });
      const complete = rest.split('\n');
      rest = complete.pop() ?? '';
      for (const line of complete) {
        lines.push(line);
        onLine?.(line);
        if (wanted.test(line)) return lines;
      }
    }
    throw new Error(`${argv.join(' ')} ended before ${wanted}:\n${lines.join('\n')}\n${await errors}`);
  } finally {
    child.kill('SIGKILL');
    await child.exited;
  }
}

/** The example with our address in it, beside the modules that it imports. */
function example(name: string): string {
  const text = readFileSync(join(import.meta.dir, name), 'utf8').replaceAll('http://localhost:5800', drover.url);
  const path = join(root.path, name);
  writeFileSync(path, text);
  return path;
}

test('the Python example chats and sees the model become ready', async () => {
  const python = findPython() ?? '';
  writeFileSync(join(root.path, 'sseclient.py'), readFileSync(join(import.meta.dir, 'sseclient.py')));
  const lines = await printed([python, example('client.py')], /^Active models: \['llama/);
  expect(lines.length).toBeGreaterThanOrEqual(2);
  expect(lines.at(-1)).toBe("Active models: ['llama-3.2-3b-instruct-q4_k_m']");
});

test('the JavaScript example chats and follows a download', async () => {
  symlinkSync(join(import.meta.dir, '..', '..', 'node_modules'), join(root.path, 'node_modules'));
  hub.misbehave({ matches: (request) => request.host === 'cdn', stallAfterBytes: 200_000 });
  const stalled = hub.nextStall();
  const answer = await withKey('/api/models/download', {
    url: hub.resolve('owner/name', 'new.gguf'),
    modelId: 'new',
    filename: 'new.gguf',
  });
  expect(answer.status).toBe(200);
  await stalled;

  // The chat and the events run side by side, and whichever is first prints first.
  const isProgress = (line: string): boolean => line.startsWith('Download progress');
  const both = Promise.withResolvers<void>();
  const seen: string[] = [];
  const run = printed([process.execPath, example('client.cjs')], /^Download progress: 100%/, (line) => {
    seen.push(line);
    if (seen.some(isProgress) && !seen.every(isProgress)) both.resolve();
  });
  await Promise.race([both.promise, run]);
  hub.relent();
  const progress = (await run).filter(isProgress);
  expect(progress.length).toBeGreaterThanOrEqual(2);
  for (const line of progress) expect(line).toMatch(/^Download progress: \d[\d.]*%$/);
});
