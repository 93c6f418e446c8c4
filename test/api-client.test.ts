// A client generated from the API document: it is typed through and through, a wrong use does not compile, and it works on the
// executable.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateClient, typeErrors } from './fixtures/api-client.ts';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const folder = temporaryFolder('api-client');
let drover: RunningDrover;
beforeAll(async () => {
  const models = join(folder.path, 'models');
  mkdirSync(models);
  writeFileSync(join(models, 'tiny.gguf'), tinyLlama({ name: 'Tiny' }));
  drover = await startDrover({ modelsFolders: [models] });
  await generateClient(await drover.json<object>('/docs/json'), folder.path);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const PROGRAM = `
import { Api } from './client.ts';

declare const process: { readonly argv: readonly string[] };
const [url = '', key = ''] = process.argv.slice(2);
const client = new Api<string>({
  baseUrl: url,
  securityWorker: (secret) => (secret === null ? {} : { headers: { authorization: \`Bearer \${secret}\` } }),
});
client.setSecurityData(key);

const listed = await client.v1.getV1Models();
const model: string = listed.data.data[0]?.id ?? '';
const loaded = await client.drover.postDroverModelsLoad({ model });
const state: 'stopped' | 'starting' | 'ready' | 'stopping' | 'failed' = loaded.data.state;
const chat = await client.v1.postV1ChatCompletions({ model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4 });
const tokens: number | undefined = chat.data.usage?.completion_tokens;
const status = await client.drover.getDroverStatus();
const engine: string | undefined = status.data.engine?.backend;
const metrics = await client.api.getApiMetrics();
const refused = await client.v1.getV1ModelsByModel('nobody').catch((answer) => answer.error.error.code);
console.log(JSON.stringify({ model, state, tokens, engine, metrics: metrics.data.length, refused }));
`;

test('is typed, and works', async () => {
  writeFileSync(join(folder.path, 'program.ts'), PROGRAM);
  expect(await typeErrors(folder.path, 'program.ts')).toBe('');
  const { key } = JSON.parse((await drover.cli('keys', 'add', 'generated', '--json')).stdout) as { key: string };
  const run = Bun.spawn([process.execPath, join(folder.path, 'program.ts'), drover.url, key], {
    env: { ...process.env, BUN_BE_BUN: '1' },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [printed, said] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
  expect(said).toBe('');
  expect(JSON.parse(printed)).toEqual({
    model: 'tiny-f32',
    state: 'ready',
    tokens: 4,
    engine: 'cpu',
    metrics: 1,
    refused: 'model_not_found',
  });
});

test('does not let through what the document does not say', async () => {
  const wrong = `
import { Api } from './client.ts';
const client = new Api({ baseUrl: '' });
await client.drover.postDroverModelsLoad({ name: 'x' });
const listed = await client.v1.getV1Models();
const count: number = listed.data.data[0]?.id;
await client.drover.getDroverNothing();
`;
  writeFileSync(join(folder.path, 'wrong.ts'), wrong);
  const said = await typeErrors(folder.path, 'wrong.ts');
  expect(said.match(/wrong\.ts\(\d+/g)).toEqual(['wrong.ts(4', 'wrong.ts(6', 'wrong.ts(7']);
});
