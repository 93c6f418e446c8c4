// The page "Get models" in a real browser, against the compiled executable and a hub that behaves, and misbehaves, like the
// real one: from a search to a model that is here.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type FakeHub, generatedGguf, startHub } from '../fixtures/hub/server.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const tiny = (name: string, blockCount: number): Uint8Array => tinyLlama({ name, blockCount, contextTokens: 256 });
let hub: FakeHub;
let drover: RunningDrover;
let watched: WatchedPage;
beforeAll(async () => {
  hub = await startHub({
    repositories: [
      {
        id: 'owner/choice-GGUF',
        files: [
          { path: 'choice-Q2_K.gguf', content: tiny('Choice', 2) },
          { path: 'choice-Q4_K_M.gguf', content: tiny('Choice', 40) },
        ],
      },
      { id: 'owner/gated-GGUF', gate: 'manual' as const, files: [{ path: 'g-Q8_0.gguf', content: tiny('Gated', 2) }] },
      {
        id: 'owner/roomy-GGUF',
        likes: 900,
        tags: ['gguf', 'license:apache-2.0'],
        pipeline: 'image-text-to-text',
        gguf: { total: 4_022_468_096, architecture: 'qwen3vl', context_length: 262_144 },
        files: [
          { path: 'roomy-Q4_K_M.gguf', content: tiny('Roomy', 3) },
          // More than any disk has.
          { path: 'roomy-Q8_0.gguf', content: generatedGguf({ sizeBytes: 1e15, sha256: 'd'.repeat(64) }) },
        ],
      },
      { id: 'owner/silent-GGUF', downloads: 900, pipeline: null, files: [] },
      { id: 'owner/ill-GGUF', files: [{ path: 'ill-Q8_0.gguf', content: tiny('Ill', 3) }] },
    ],
  });
  drover = await startDrover({
    environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
  });
  await drover.waitForLine(/engine ready/);
  watched = await openPage(drover, { path: '/get' });
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
});

test('a search finds repositories, and says so where it finds none', async () => {
  const { page } = watched;
  await page.getByRole('searchbox').fill('nothing-is-called-so');
  await page.getByText('Nothing was found').waitFor();
  await page.getByRole('searchbox').fill('choice');
  await page.getByRole('link', { name: /choice-GGUF/ }).waitFor();
  expect(await watched.axe()).toEqual([]);
  await page.getByRole('link', { name: /choice-GGUF/ }).click();
  await page.waitForURL('**/get/owner/choice-GGUF');
});

test('a repository shows what each quantization would do here, and which to take', async () => {
  const { page } = watched;
  const best = page.getByRole('row', { name: /Q4_K_M/ });
  await best.getByText('recommended').waitFor();
  await best.getByText('Fits', { exact: true }).waitFor();
  expect(await watched.axe()).toEqual([]);
});

test('a download is paused, is there after a reload, goes on, and ends as a model', async () => {
  const { page } = watched;
  hub.misbehave({ matches: ({ host, range }) => host === 'cdn' && range === null, stallAfterBytes: 2_000_000 });
  const stalled = hub.nextStall();
  await page.getByRole('button', { name: 'Download Q4_K_M' }).click();
  await stalled;
  await page
    .getByRole('row', { name: /Q4_K_M/ })
    .getByText('On its way')
    .waitFor();
  await page.getByRole('link', { name: /1 download/ }).waitFor();
  await page.getByRole('button', { name: /^Pause / }).click();
  await page.getByText(/^Paused/).waitFor();
  await page.reload();
  await page.getByText(/^Paused/).waitFor();
  expect(await watched.axe()).toEqual([]);
  hub.relent();
  await page.getByRole('button', { name: /^Go on with / }).click();
  await page.getByText(/^Here/).waitFor();
  await page
    .getByRole('row', { name: /Q4_K_M/ })
    .getByRole('link', { name: 'Details' })
    .waitFor();
  const { models } = await drover.json<{ models: { id: string }[] }>('/drover/models');
  expect(models.map(({ id }) => id)).toContainEqual(expect.stringContaining('choice'));
  await page.getByRole('button', { name: 'Clear finished' }).click();
  await page.getByText(/^Here/).waitFor({ state: 'detached' });
});

test('a gated repository says what to do; one by its name is opened from the field', async () => {
  const { page } = watched;
  await page.getByRole('searchbox').fill('owner/gated-GGUF');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/get/owner/gated-GGUF');
  await page
    .getByText(/consent|token|accept/i)
    .first()
    .waitFor();
});

test('a hub that refuses is told with its reason and can be asked again', async () => {
  const { page } = watched;
  hub.misbehave({ answer: { status: 403, body: '{}' } });
  await page.getByRole('searchbox').fill('owner/ill-GGUF');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  expect(await watched.axe()).toEqual([]);
  hub.relent();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('row', { name: /Q8_0/ }).waitFor();
});

test('each hit shows what the hub says of it, and nothing that it does not say', async () => {
  const { page } = watched;
  await watched.visit('/get');
  const told = page.getByRole('link', { name: /roomy-GGUF/ });
  for (const fact of ['Vision', '4B parameters', '256k context', 'qwen3vl', 'apache-2.0 licence']) {
    await told.getByText(fact).waitFor();
  }
  const silent = page.getByRole('link', { name: /silent-GGUF/ });
  expect(await silent.textContent()).not.toMatch(/parameters|context|licence|Text/);
});

test('the order and the words stand in the address, and are there after a reload and on the way back', async () => {
  const { page } = watched;
  const first = page.getByRole('main').getByRole('listitem').first();
  await first.getByText('silent-GGUF').waitFor();
  await page.getByRole('combobox', { name: 'Sort by' }).click();
  await page.getByRole('option', { name: 'Most liked' }).click();
  await page.getByRole('heading', { name: 'Most liked' }).waitFor();
  await first.getByText('roomy-GGUF').waitFor();
  await page.getByRole('searchbox').fill('owner room');
  await page.waitForURL('**/get?q=owner+room&sort=likes');
  await page.getByRole('searchbox').fill('roomy');
  await page.waitForURL('**/get?q=roomy&sort=likes');
  await page.reload();
  expect(await page.getByRole('searchbox').inputValue()).toBe('roomy');
  await page.getByRole('link', { name: /roomy-GGUF/ }).click();
  await page.waitForURL('**/get/owner/roomy-GGUF');
  await page.getByRole('link', { name: 'Back to the search' }).click();
  await page.waitForURL('**/get?q=roomy&sort=likes');
  await page.getByRole('link', { name: /roomy-GGUF/ }).click();
  await page.waitForURL('**/get/owner/roomy-GGUF');
  await page.goBack();
  await page.waitForURL('**/get?q=roomy&sort=likes');
  expect(await page.getByRole('searchbox').inputValue()).toBe('roomy');
});

test('a download goes to the folder that is chosen, which is kept for the next time while it is there', async () => {
  const { page } = watched;
  using second = temporaryFolder('get-second');
  await watched.visit('/get/owner/roomy-GGUF');
  await page.getByRole('button', { name: 'Download Q4_K_M' }).waitFor();
  const choice = page.getByRole('combobox', { name: 'Download to' });
  expect(await choice.count()).toBe(0);
  await drover.json('/drover/folders', { path: second.path });
  await choice.click();
  await page.getByRole('option', { name: new RegExp(`${second.path}.* free`) }).click();
  await page.getByText(/^Larger than the .* free there$/).waitFor();
  expect(await page.getByRole('button', { name: 'Download Q8_0' }).isEnabled()).toBe(true);
  expect(await watched.axe()).toEqual([]);
  await page.reload();
  await page.getByRole('combobox', { name: 'Download to' }).getByText(second.path).waitFor();
  await page.getByRole('button', { name: 'Download Q4_K_M' }).click();
  await page
    .getByRole('row', { name: /Q4_K_M/ })
    .getByRole('link', { name: 'Details' })
    .waitFor();
  const { models } = await drover.json<{ models: { path: string | null }[] }>('/drover/models');
  const path = `${realpathSync(second.path)}/owner/roomy-GGUF/roomy-Q4_K_M.gguf`;
  expect(models.map((model) => model.path)).toContain(path);
  expect(existsSync(path)).toBe(true);

  const left = await drover.request('/drover/folders', {
    method: 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ path: second.path }),
  });
  expect(left.status).toBe(200);
  await choice.waitFor({ state: 'detached' });
});

test('the server writes into no other folder, whoever asks', async () => {
  using elsewhere = temporaryFolder('get-elsewhere');
  for (const folder of [elsewhere.path, `${drover.dataFolder}/models/../elsewhere`, 'models']) {
    const answer = await drover.request('/drover/downloads', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reference: 'owner/ill-GGUF:Q8_0', folder }),
    });
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('may not go to');
  }
  expect(readdirSync(elsewhere.path)).toEqual([]);
});

test('an order that there is not is refused with those that there are', async () => {
  const answer = await drover.request('/drover/search?sort=best');
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('downloads, likes, trending, newest');
});

test('at 360 px nothing runs over, in the dark as well', async () => {
  await using narrow = await openPage(drover, {
    path: '/get/owner/choice-GGUF',
    width: 360,
    height: 740,
    colorScheme: 'dark',
  });
  const isWithin = () => narrow.page.evaluate('document.documentElement.scrollWidth <= innerWidth');
  await narrow.page.getByRole('row', { name: /Q2_K/ }).waitFor();
  expect(await isWithin()).toBe(true);
  expect(await narrow.axe()).toEqual([]);
  await narrow.visit('/get');
  await narrow.page.getByText('256k context').waitFor();
  expect(await isWithin()).toBe(true);
  expect(await narrow.axe()).toEqual([]);
  expect(narrow.complaints).toEqual([]);
});
