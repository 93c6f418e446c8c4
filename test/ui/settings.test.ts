// The page "Settings" in a real browser, against the compiled executable: folders, single settings, the configuration's
// text with its mistakes and conflicts, the engine, the look.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesWith, type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { eventually } from '../fixtures/restarts.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const models = temporaryFolder('settings-page-models');
const more = temporaryFolder('settings-page-more');
const data = temporaryFolder('settings-page-data');
const CONFIG = '# kept by hand\nttl: 600 # ten minutes\nmodels:\n  talker-f32:\n    threads: 1\n';
const path = join(data.path, 'config.yaml');
const config = (): string => readFileSync(path, 'utf8');

let drover: RunningDrover;
let watched: WatchedPage;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(more.path, 'walker.gguf'), tinyLlama({ name: 'Walker' }));
  writeFileSync(path, CONFIG);
  drover = await startDrover({
    modelsFolders: [models.path],
    dataFolder: data.path,
    // As pm2 has it for what it keeps running.
    environment: { DROVER_LOG_LEVEL: 'debug', pm_id: '3', name: 'shepherd' },
  });
  await drover.waitForLine(/engine ready/);
  watched = await openPage(drover, { path: '/settings' });
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  for (const folder of [models, more, data]) folder[Symbol.dispose]();
});

test('a folder is added, its model appears, and it is left again', async () => {
  const { page } = watched;
  await page.getByText(models.path).waitFor();
  await page.getByLabel('Folder', { exact: true }).fill(join(more.path, 'nowhere'));
  await page.keyboard.press('Enter');
  await page
    .getByText(/No valid folders found|does not exist/)
    .first()
    .waitFor();
  await page.getByLabel('Folder', { exact: true }).fill(more.path);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: `Look into ${more.path} no longer` }).waitFor();
  const ids = async (): Promise<string[]> =>
    (await drover.json<{ models: { id: string }[] }>('/drover/models')).models.map(({ id }) => id);
  await eventually(
    async () => (await ids()).includes('walker-f32'),
    () => 'the model of the new folder',
  );
  expect(await watched.axe()).toEqual([]);
  await page.getByRole('button', { name: `Look into ${more.path} no longer` }).click();
  await eventually(
    async () => !(await ids()).includes('walker-f32'),
    () => 'the model is gone',
  );
});

describe('single settings', () => {
  test('are changed and set back, and comments stay', async () => {
    const { page } = watched;
    await page.getByRole('tab', { name: 'All settings' }).click();
    const ttl = page.getByRole('textbox', { name: 'ttl', exact: true });
    await ttl.fill('1200');
    await page.getByText('1 change is not saved').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').first().waitFor();
    expect(config()).toBe(CONFIG.replace('600', '1200'));
    await page.getByRole('button', { name: 'ttl back to the default' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await eventually(() => !config().includes('ttl'), config);
    expect(config()).toContain('# kept by hand');
  });

  test('what the environment says, and what opens doors, is shown and locked', async () => {
    const { page } = watched;
    await page.getByRole('searchbox').fill('logLevel');
    await page.getByText('It is set by the environment (DROVER_LOG_LEVEL).').waitFor();
    await page.getByRole('searchbox').fill('listen');
    await page
      .getByText(/only the file on the machine can change it|command line/)
      .first()
      .waitFor();
    const refused = await drover.request('/drover/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ changes: { insecure: true } }),
    });
    expect(refused.status).toBe(403);
    expect(config()).not.toContain('insecure');
    await page.getByRole('searchbox').fill('');
    expect(await watched.axe()).toEqual([]);
  });
});

describe('the file', () => {
  const editor = () => watched.page.getByRole('textbox', { name: 'The configuration file' });
  /** A line at the end, as somebody would type it. */
  const type = async (text: string): Promise<void> => {
    await editor().click();
    await watched.page.keyboard.press('Control+End');
    await watched.page.keyboard.insertText(text);
  };

  test('points at the line that is malformed, and cannot be saved so', async () => {
    const { page } = watched;
    await page.getByRole('tab', { name: 'Configuration file' }).click();
    await editor().waitFor();
    await type('\nqueueTimeout: soon\n');
    const problems = page.getByRole('region', { name: 'Problems' });
    await problems.getByText(/queueTimeout/).waitFor();
    const lineNumber = config().trimEnd().split('\n').length + 1;
    const place = problems.getByRole('button', { name: /^Line \d+, column 1/ });
    await place.waitFor();
    expect(Number(/\d+/.exec((await place.textContent()) ?? '')?.[0])).toBeGreaterThanOrEqual(lineNumber);
    expect(await page.getByRole('button', { name: 'Review and save' }).isDisabled()).toBe(true);
    expect(await watched.axe()).toEqual([]);
    await page.getByRole('button', { name: 'Revert' }).click();
    await problems.getByText('Nothing is wrong.').waitFor();
  });

  test('shows what changes before it is saved, and keeps comments', async () => {
    const { page } = watched;
    await type('\nqueueTimeout: 120 # patient\n');
    await page.getByRole('button', { name: 'Review and save' }).click();
    const dialog = page.getByRole('dialog', { name: 'What changes' });
    await dialog.getByText('queueTimeout').waitFor();
    expect(await watched.axe()).toEqual([]);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(config()).toContain('queueTimeout: 120 # patient');
    expect(config()).toContain('# kept by hand');
  });

  test('does not write over somebody else’s change without being told to', async () => {
    const { page } = watched;
    await type('\ndrainTimeout: 7\n');
    await page.getByRole('button', { name: 'Review and save' }).click();
    writeFileSync(path, `${config()}\n# somebody else\n`);
    const dialog = page.getByRole('dialog', { name: 'What changes' });
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Somebody else changed the file meanwhile').waitFor();
    expect(config()).not.toContain('drainTimeout');
    await dialog.getByRole('button', { name: 'Take what stands there now' }).click();
    await dialog.waitFor({ state: 'detached' });
    await editor().getByText('# somebody else').waitFor();
    expect(config()).not.toContain('drainTimeout');
  });
});

test('the server says who keeps it running', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'Server' }).click();
  await page.getByText('pm2, as shepherd', { exact: true }).waitFor();
  const { pid } = await drover.json<{ pid: number }>('/drover/status');
  await page.getByText(String(pid), { exact: true }).waitFor();
  expect(processesWith('serve').includes(pid)).toBe(true);
  expect((await drover.cli('status')).stdout).toMatch(
    new RegExp(`^process +${pid}, kept running by pm2: shepherd$`, 'm'),
  );
});

test('the engine is shown as it is: given, so not ours to change', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'Engine' }).click();
  await page.getByText('The settings name this engine').waitFor();
  await page.getByText('in use').waitFor();
  expect(await watched.axe()).toEqual([]);
});

test('whether there is a newer version is asked on a click; one that is of no release says what to do', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'About' }).click();
  await page.getByText('This is Drover ', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Look for a newer version' }).click();
  await page.getByRole('alert').getByText('This executable was not made for a release', { exact: false }).waitFor();
  await page.getByText('Take one from a release', { exact: false }).waitFor();
  expect(await watched.axe()).toEqual([]);
});

test('colours are chosen, at once and for good', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'Appearance' }).click();
  await page.getByRole('combobox', { name: 'Colours' }).click();
  await page.getByRole('option', { name: 'Dark' }).click();
  const ground = (): Promise<unknown> => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  expect(await ground()).toBe('rgb(17, 19, 18)');
  await watched.visit('/settings/server');
  expect(await ground()).toBe('rgb(17, 19, 18)');
  expect(await watched.axe()).toEqual([]);
  expect(watched.complaints.filter((text) => !/status of (40[09]|501)/.test(text))).toEqual([]);
});
