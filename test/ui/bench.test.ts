// The page "Benchmarks" in a real browser, against the compiled executable and the real engine: measured, compared, saved,
// brought in again, deleted.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const models = temporaryFolder('bench-page-models');
let drover: RunningDrover;
let watched: WatchedPage;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  drover = await startDrover({ modelsFolders: [models.path], oneThread: ['talker-f32'] });
  await drover.waitForLine(/engine ready/);
  watched = await openPage(drover, { path: '/bench' });
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

const measure = async (name: string): Promise<void> => {
  const { page } = watched;
  await page.getByRole('combobox', { name: 'How thorough' }).click();
  await page.getByRole('option', { name: 'Quick' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByRole('listitem').filter({ hasText: name }).getByText('Done').waitFor();
};

test('a run is started, told as it goes, and stays when the page is left', async () => {
  const { page } = watched;
  await page.getByText('Nothing was measured yet').waitFor();
  await measure('before');
  await watched.visit('/bench');
  await page.getByRole('checkbox', { name: 'Compare before' }).check();
  const table = page.getByRole('region', { name: 'Figures' }).last();
  await table.getByRole('row', { name: /before 128 1/ }).waitFor();
  expect(await page.locator('.u-over').count()).toBe(3);
  expect(await watched.axe()).toEqual([]);
});

test('two are compared, by a factor in words and figures', async () => {
  const { page } = watched;
  await measure('after');
  await page.getByRole('checkbox', { name: 'Compare after' }).check();
  const row = page
    .getByRole('region', { name: 'Figures' })
    .last()
    .getByRole('row', { name: /after 128 1/ });
  await row.getByText(/^\d+\.\d\d ×/).waitFor();
  expect(await row.getByText(/better|worse/).count()).toBe(1);
});

test('one is saved as a file, deleted, and compared from its file; another file is refused', async () => {
  const { page } = watched;
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save before as a file' }).click();
  const file = await (await saved).path();
  await page.getByRole('button', { name: 'Delete before' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('checkbox', { name: 'Compare before' }).waitFor({ state: 'detached' });
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{"id":1}') });
  await page.getByText('This file holds no run of ours.').first().waitFor();
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('from a file').waitFor();
  await page
    .getByRole('region', { name: 'Figures' })
    .last()
    .getByRole('row', { name: /before 128 1/ })
    .waitFor();
  expect(await watched.axe()).toEqual([]);
});

test('at 360 px and in the dark nothing runs over', async () => {
  await using narrow = await openPage(drover, { path: '/bench', width: 360, height: 740, colorScheme: 'dark' });
  await narrow.page.getByRole('checkbox', { name: 'Compare after' }).check();
  await narrow.page.getByRole('region', { name: 'Figures' }).last().waitFor();
  expect(await narrow.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await narrow.axe()).toEqual([]);
  expect([...watched.complaints, ...narrow.complaints]).toEqual([]);
});
