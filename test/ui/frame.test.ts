// The frame of the page in a real browser, against the compiled executable: it comes whole and from here alone, leads
// everywhere by mouse and by keyboard, and is usable by everybody.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const models = temporaryFolder('frame-models');
const PLACES = ['/', '/chat', '/models', '/get', '/instances', '/bench', '/api', '/settings'];

let drover: RunningDrover;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  // No hub is there: that page says so.
  drover = await startDrover({ modelsFolders: [models.path], environment: { HF_ENDPOINT: 'http://127.0.0.1:9' } });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

test('its files are compressed, kept for good by their names, and sealed by a policy', async () => {
  const shell = await drover.request('/ui/');
  const html = await shell.text();
  expect(shell.headers.get('content-security-policy')).toContain(
    "default-src 'none'; script-src 'self'; style-src 'self'",
  );
  expect(shell.headers.get('cache-control')).toBe('no-cache');
  const files = [...html.matchAll(/\/ui\/files\/[\w.-]+/g)].map(([path]) => path);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const file of files) {
    const answer = await drover.request(file, { headers: { 'accept-encoding': 'gzip' } });
    expect([file, answer.status, answer.headers.get('content-encoding')]).toEqual([file, 200, 'gzip']);
    expect(answer.headers.get('cache-control')).toContain('immutable');
    const plain = await drover.request(file, { headers: { 'accept-encoding': 'identity' } });
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, await answer.text()]);
  }
  expect((await drover.request('/ui/files/none.js')).status).toBe(404);
  expect((await drover.request('/ui/files/..%2findex.html')).status).toBe(404);
  // A place within the page is the page.
  expect(await (await drover.request('/ui/models/some/deep%20place')).text()).toBe(html);
});

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  let watched: WatchedPage;
  beforeAll(async () => {
    watched = await openPage(drover, { colorScheme });
  });
  afterAll(() => watched?.[Symbol.asyncDispose]());

  test.each(PLACES)('%s has one first heading, and axe finds nothing serious', async (place) => {
    await watched.visit(place);
    expect(await watched.page.locator('h1').count()).toBe(1);
    expect(await watched.axe()).toEqual([]);
    const complaints = watched.complaints.splice(0).filter((text) => !/status of 50[23]/.test(text));
    expect(complaints).toEqual([]);
    expect(watched.browser.strays).toEqual([]);
  });
});

describe('with the keyboard alone', () => {
  let watched: WatchedPage;
  beforeAll(async () => {
    watched = await openPage(drover, { path: '/models' });
  });
  afterAll(() => watched?.[Symbol.asyncDispose]());

  test('the first stop skips to the content', async () => {
    const { page } = watched;
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
  });

  test('the palette opens, finds, goes, and gives the focus back', async () => {
    const { page } = watched;
    await page.keyboard.press('Control+k');
    const field = page.getByRole('combobox', { name: 'Where to, or what to do?' });
    await field.waitFor();
    expect(await field.evaluate((node) => node === document.activeElement)).toBe(true);
    await page.keyboard.type('bench');
    expect(await page.getByRole('option').first().textContent()).toBe('Benchmarks');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/ui/bench');
    await field.waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.keyboard.type('talker');
    await page.getByRole('option', { name: /^Chat with talker/ }).waitFor();
    expect(await watched.axe()).toEqual([]);
    await page.keyboard.press('Escape');
    await field.waitFor({ state: 'detached' });
  });
});

test('where it is narrow, the navigation opens by its button and goes away after a choice', async () => {
  await using watched = await openPage(drover, { path: '/models', width: 360, height: 760 });
  const { page } = watched;
  const link = page.getByRole('link', { name: 'Settings' });
  expect(await link.isVisible()).toBe(false);
  await page.getByRole('button', { name: 'Open the navigation' }).click();
  await link.click();
  await page.waitForURL('**/ui/settings');
  await link.waitFor({ state: 'hidden' });
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
});

test('a server that goes away is told at once, and one that comes back is found by the page itself', async () => {
  await using data = temporaryFolderAsync('frame-data');
  const first = await startDrover({ dataFolder: data.path, modelsFolders: [models.path] });
  await using watched = await openPage(first, { path: '/models' });
  const { page } = watched;
  await page.getByText('Connected').waitFor();
  await first[Symbol.asyncDispose]();
  await page.getByText('The server does not answer.').first().waitFor();
  const second = await startDrover({
    dataFolder: data.path,
    modelsFolders: [models.path],
    listen: new URL(first.url).host,
  });
  try {
    await page.getByText('The server is back.').first().waitFor();
    await page.getByText('Connected').waitFor();
    expect(await page.getByText('The server does not answer.').count()).toBe(0);
  } finally {
    await second[Symbol.asyncDispose]();
  }
});

test('code that does not come: a page says so in its place, the palette by itself, and the frame stays', async () => {
  await using watched = await openPage(drover, { path: null });
  const { page } = watched;
  let isUpdated = false;
  // From the beginning: a page that is open already may still ask past it.
  await page.route('**/ui/files/part-*.js', (route) =>
    isUpdated ? route.fulfill({ status: 404, body: '' }) : route.continue(),
  );
  await watched.visit('/models');
  // The server has files of other names now.
  isUpdated = true;
  await page.keyboard.press('Control+k');
  const news = page.getByRole('dialog').filter({ hasText: 'This page could not be opened' });
  await news.getByText('The server may have been updated', { exact: false }).waitFor();
  expect(await page.locator('h1').textContent()).toBe('Models');
  await page.getByRole('link', { name: 'Benchmarks' }).click();
  const place = page.getByRole('alert').filter({ hasText: 'This page could not be opened' });
  await place.getByRole('button', { name: 'Reload' }).waitFor();
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
  isUpdated = false;
  const reloaded = page.waitForEvent('load');
  await news.getByRole('button', { name: 'Reload' }).click();
  await reloaded;
  await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Where to, or what to do?' }).waitFor();
});

test('what changed before the news began to come is caught up with', async () => {
  await drover.json('/drover/models/load', { model: 'talker-f32' });
  await using watched = await openPage(drover, { path: null });
  const { page } = watched;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/drover/events*', async (route) => {
    await held;
    await route.continue();
  });
  await watched.visit('/instances');
  await page.getByRole('row', { name: /talker-f32/ }).waitFor();
  await drover.json('/drover/models/stop', { all: true });
  release();
  await page.getByText('Nothing is loaded').waitFor();
});

const temporaryFolderAsync = (name: string): { readonly path: string } & AsyncDisposable => {
  const folder = temporaryFolder(name);
  return { path: folder.path, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
};
