// The page "Instances & logs" in a real browser, against the compiled executable and the real engine: live while models
// load and stop, the log filtered, followed, paused, and quick with thousands of lines.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { u32 } from '../fixtures/gguf-writer.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { eventually } from '../fixtures/restarts.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const models = temporaryFolder('instances-page-models');
const data = temporaryFolder('instances-page-data');
const TALKATIVE = join(import.meta.dir, '..', 'fixtures', 'talkative-server.ts');
/** What servers before this one have said. */
const OLD_LINES = 2500;
let drover: RunningDrover;
let watched: WatchedPage;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(
    join(models.path, 'lame.gguf'),
    tinyLlama({ name: 'Lame', metadata: { 'llama.feed_forward_length': u32(999) } }),
  );
  const cmd = JSON.stringify(`"${process.execPath}" "${TALKATIVE}" \${PORT} 1500`);
  writeFileSync(
    join(data.path, 'config.yaml'),
    `models:\n  talker-f32: { threads: 1 }\n  chatterbox: { cmd: ${cmd} }\n`,
  );
  mkdirSync(join(data.path, 'logs'));
  const before = Array.from({ length: OLD_LINES }, (_, index) =>
    JSON.stringify({
      at: 1_700_000_000_000 + Math.floor(index / 3),
      level: 'info',
      source: 'old',
      message: `old line ${index}`,
      fields: {},
    }),
  );
  writeFileSync(join(data.path, 'logs', 'drover.log'), `${before.join('\n')}\n`);
  drover = await startDrover({ modelsFolders: [models.path], dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
  watched = await openPage(drover, { path: '/instances', width: 1440 });
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
  data[Symbol.dispose]();
});

/** Waits until it is true on the page, whose policy allows no script to wait there. */
const holds = (expression: string): Promise<void> =>
  eventually(
    async () => (await watched.page.evaluate(expression)) === true,
    () => expression,
  );
const lines = () => watched.page.getByRole('region', { name: 'Lines of the log' });

test('nothing is loaded; then a model is, and its state follows without a reload', async () => {
  const { page } = watched;
  await page.getByText('Nothing is loaded').waitFor();
  await drover.json('/drover/models/load', { model: 'talker-f32' });
  const row = page.getByRole('row', { name: /talker-f32/ });
  await row.getByText('Ready').waitFor();
  expect(await watched.axe()).toEqual([]);
  await page.getByRole('button', { name: 'Actions for talker-f32' }).click();
  await page.getByRole('menuitem', { name: 'Pin', exact: true }).click();
  await row.getByText('pinned').waitFor();
  await page.getByRole('button', { name: 'Actions for talker-f32' }).click();
  await page.getByRole('menuitem', { name: 'Stop', exact: true }).click();
  await page.getByText('Nothing is loaded').waitFor();
});

test('a failed load is there with its reason and its last lines', async () => {
  const { page } = watched;
  expect(
    (
      await drover.request('/drover/models/load', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'lame-f32' }),
      })
    ).status,
  ).toBe(502);
  await page
    .getByRole('row', { name: /lame-f32/ })
    .getByText('Failed')
    .waitFor();
  await page.getByRole('button', { name: 'Actions for lame-f32' }).click();
  await page.getByRole('menuitem', { name: 'Show its log' }).click();
  await page.waitForURL('**/instances/lame-f32');
  await lines()
    .getByText(/wrong shape/)
    .first()
    .waitFor();
  expect(
    await lines()
      .getByText(/talker-f32/)
      .count(),
  ).toBe(0);
});

test('the log is searched by a key, and filtered by level', async () => {
  const { page } = watched;
  await watched.visit('/instances');
  await lines().getByText('lame-f32').first().waitFor();
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('ENGINE READY');
  await holds(
    "document.querySelectorAll('.log-line').length > 0 && [...document.querySelectorAll('.log-line')].every((line) => /engine ready/i.test(line.textContent))",
  );
  await lines()
    .locator('mark', { hasText: /^engine ready$/ })
    .first()
    .waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.getByRole('combobox', { name: 'From level' }).click();
  await page.getByRole('option', { name: 'Errors' }).click();
  await holds("[...document.querySelectorAll('.log-line')].every((line) => line.matches('.log-error'))");
  await page.getByRole('combobox', { name: 'From level' }).click();
  await page.getByRole('option', { name: 'All' }).click();
});

test('older lines come from the files, page by page, and what is looked at stays where it is', async () => {
  const { page } = watched;
  await watched.visit('/instances');
  await lines().waitFor();
  expect(await page.getByText('old line', { exact: false }).count()).toBe(0);
  const older = page.getByRole('button', { name: 'Older lines' });
  await lines().evaluate((node) => node.scrollTo(0, 0));
  await older.click();
  await lines()
    .getByText(`old line ${OLD_LINES - 1}`, { exact: true })
    .waitFor();
  const top = (text: string): Promise<number | undefined> =>
    page
      .getByText(text, { exact: true })
      .boundingBox()
      .then((box) => box?.y);
  await lines().evaluate((node) => node.scrollTo(0, 0));
  const first = (await lines().locator('[data-index="0"] .log-text').textContent()) ?? '';
  const was = (await top(first)) ?? Number.NaN;
  await older.press('Enter');
  await lines().locator('[data-index]:not([data-index="0"])').getByText(first, { exact: true }).waitFor();
  expect(Math.abs(((await top(first)) ?? Number.NaN) - was)).toBeLessThan(60);
  await lines().evaluate((node) => node.scrollTo(0, 0));
  await older.click();
  await page.getByText('This is where the log begins.').waitFor();
  await lines().evaluate((node) => node.scrollTo(0, 0));
  await lines().getByText('old line 0', { exact: true }).waitFor();
  expect(await page.evaluate("document.querySelectorAll('.log-line').length")).toBeLessThan(200);
  await page.getByRole('searchbox').fill('old line 1234');
  await page.getByText(/^1 of /).waitFor();
  await watched.picture('instances-older');
  await watched.visit('/instances');
});

test('thousands of lines come, of which few are elements, and the end is followed until one looks back', async () => {
  const { page } = watched;
  await drover.json('/drover/models/load', { model: 'chatterbox' });
  await holds("/[5-9],\\d{3} lines|\\d\\d,\\d{3} lines/.test(document.querySelector('.log').textContent)");
  expect(await page.evaluate("document.querySelectorAll('.log-line').length")).toBeLessThan(200);
  const isAtEnd =
    "(() => { const { scrollTop, scrollHeight, clientHeight } = document.querySelector('.log-lines'); return scrollHeight - scrollTop - clientHeight < 24; })()";
  await holds(isAtEnd);
  await lines().hover();
  await page.mouse.wheel(0, -3000);
  await page.getByRole('button', { name: 'Follow' }).click();
  await holds(isAtEnd);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  expect(await watched.axe()).toEqual([]);
  expect(watched.complaints).toEqual([]);
});
