// The page "Get models" in a real browser, against the compiled executable and a hub that behaves, and misbehaves, like the
// real one: from a search to a model that is here.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type RunningDrover, startDrover } from '../fixtures/drover.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
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

test('at 360 px nothing runs over, in the dark as well', async () => {
  await using narrow = await openPage(drover, {
    path: '/get/owner/choice-GGUF',
    width: 360,
    height: 740,
    colorScheme: 'dark',
  });
  await narrow.page.getByRole('row', { name: /Q2_K/ }).waitFor();
  expect(await narrow.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await narrow.axe()).toEqual([]);
  expect(narrow.complaints).toEqual([]);
});
