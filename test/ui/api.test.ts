// The page "API" in a real browser, against the compiled executable: the snippets are run as they are copied, and keys are
// made, used, refused and removed.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const models = temporaryFolder('api-page-models');
const data = temporaryFolder('api-page-data');
const work = mkdtempSync(join(tmpdir(), 'drover-api-page-'));

beforeAll(() => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  // It talks until its context is full.
  writeFileSync(join(data.path, 'config.yaml'), 'models:\n  talker-f32: { threads: 1, contextSize: 256 }\n');
});
afterAll(() => {
  models[Symbol.dispose]();
  data[Symbol.dispose]();
  rmSync(work, { recursive: true, force: true });
});

async function run(argv: readonly string[]): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  const child = Bun.spawn([...argv], { cwd: work, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const [stdout, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  return { exitCode, stdout };
}

describe('without a key', () => {
  let drover: RunningDrover;
  let watched: WatchedPage;
  beforeAll(async () => {
    drover = await startDrover({ modelsFolders: [models.path], dataFolder: data.path });
    await drover.waitForLine(/engine ready/);
    watched = await openPage(drover, { path: '/api' });
  });
  afterAll(async () => {
    await watched?.[Symbol.asyncDispose]();
    await drover?.[Symbol.asyncDispose]();
  });

  const shown = async (program: string): Promise<string> => {
    const { page } = watched;
    await page.getByRole('radio', { name: program, exact: true }).check({ force: true });
    return (await page.getByRole('region', { name: program, exact: true }).textContent()) ?? '';
  };

  test('curl, as it is shown, is answered by the model', async () => {
    const { exitCode, stdout } = await run(['bash', '-c', await shown('curl')]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ object: 'chat.completion' });
  });

  test('so is JavaScript', async () => {
    writeFileSync(join(work, 'ask.mjs'), `${await shown('JavaScript')}\nconsole.log('done');`);
    const { exitCode, stdout } = await run([process.execPath, 'ask.mjs']);
    expect([exitCode, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, 'done']);
  });

  test('other programs are told address and model, each in its own words', async () => {
    const { page } = watched;
    await page.getByRole('tab', { name: 'Agents' }).click();
    expect(await shown('Claude Code')).toContain(`ANTHROPIC_BASE_URL=${drover.url}\n`);
    const opencode = JSON.parse(await shown('OpenCode')) as {
      model: string;
      provider: { drover: { options: object } };
    };
    expect(opencode.model).toBe('drover/talker-f32');
    expect(opencode.provider.drover.options).toEqual({ baseURL: `${drover.url}/v1` });
    expect(await shown('Codex')).toContain('wire_api = "responses"');
    await page.getByRole('tab', { name: 'Editors' }).click();
    expect(await shown('Zed')).toContain('"api_url"');
  });

  test('Swagger UI is a click away', async () => {
    const { page } = watched;
    await page.getByRole('link', { name: 'Open Swagger UI' }).click();
    await page.locator('.opblock-tag').first().waitFor();
    await watched.visit('/api');
    expect(watched.complaints).toEqual([]);
  });
});

describe('keys', () => {
  let drover: RunningDrover;
  let watched: WatchedPage;
  let first = '';
  let narrow = '';
  beforeAll(async () => {
    drover = await startDrover({ modelsFolders: [models.path] });
    watched = await openPage(drover, { path: '/api' });
  });
  afterAll(async () => {
    await watched?.[Symbol.asyncDispose]();
    await drover?.[Symbol.asyncDispose]();
  });

  test('the first one is taken by the page, which goes on', async () => {
    const { page } = watched;
    await page.getByText('No key yet').waitFor();
    await page.getByRole('button', { name: 'Make a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByText('A key needs a name.').waitFor();
    await dialog.getByLabel('Name').fill('ada’s laptop');
    await dialog.getByRole('radio', { name: /Use models/ }).check();
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByText('The first key must be able to do everything').waitFor();
    await dialog.getByLabel('Name').fill('laptop');
    await dialog.getByRole('radio', { name: /Everything/ }).check();
    expect(await watched.axe()).toEqual([]);
    await dialog.getByRole('button', { name: 'Make it' }).click();
    await dialog.getByText('It is shown this once.').waitFor();
    first = ((await dialog.getByRole('region', { name: 'laptop' }).textContent()) ?? '').trim();
    expect(first).toMatch(/^dk-/);
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByText('used here').waitFor();
    expect((await drover.request('/drover/status')).status).toBe(401);
    await watched.visit('/api');
    await page.getByText('used here').waitFor();
    expect(watched.requests.every((request) => !request.url().includes(first))).toBe(true);
  });

  test('a narrow one may do what it may, and is told what it lacks', async () => {
    const { page } = watched;
    await page.getByRole('button', { name: 'Make a key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('editor');
    await dialog.getByRole('button', { name: 'Make it' }).click();
    narrow = ((await dialog.getByRole('region', { name: 'editor' }).textContent()) ?? '').trim();
    await dialog.getByRole('button', { name: 'Done' }).click();
    await using other = await openPage(drover, { path: '/models' });
    const field = other.page.getByLabel('API key');
    await field.fill('dk-wrong');
    await field.press('Enter');
    await other.page.getByText('This key is not accepted.').waitFor();
    expect(await other.axe()).toEqual([]);
    await field.fill(narrow);
    await field.press('Enter');
    await other.page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
    await other.page.getByText('Connected, without live news').waitFor();
    await other.visit('/api');
    await other.page.getByText('lacks the scope “admin”').waitFor();
  });

  test('a key that was removed is asked for again, at once', async () => {
    await using other = await openPage(drover, { path: '/api' });
    await other.page.getByLabel('API key').fill(narrow);
    await other.page.getByRole('button', { name: 'Go on' }).click();
    await other.page.getByRole('heading', { name: 'API', level: 1 }).waitFor();
    const { page } = watched;
    await page.getByRole('button', { name: 'Remove editor' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    expect(await page.getByRole('button', { name: 'Remove editor' }).count()).toBe(0);
    await other.page.getByRole('link', { name: 'Models', exact: true }).click();
    await other.page.getByText('The key that was used here is not accepted any more.').waitFor();
  });

  test('the last one goes after a word of warning, and the machine’s own programs may call again', async () => {
    const { page } = watched;
    await page.getByRole('button', { name: 'Remove laptop' }).click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText('It is the last one.').waitFor();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No key yet').waitFor();
    expect((await drover.request('/drover/status')).status).toBe(200);
  });
});
