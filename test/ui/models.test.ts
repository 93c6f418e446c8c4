// The page "Models" in a real browser, against the compiled executable and the real engine: looked through, planned,
// loaded, swapped, set, failed and deleted.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { text, u32 } from '../fixtures/gguf-writer.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const models = temporaryFolder('models-page-models');
const data = temporaryFolder('models-page-data');
const CONFIG = [
  '# kept by hand',
  'models:',
  '  talker-f32: # small',
  '    threads: 1',
  '  lame-f32:',
  '    threads: 1',
  '',
].join('\n');

const MADE = {
  'general.author': text('A. Shepherd'),
  'general.license': text('apache-2.0'),
  'general.license.link': text('javascript:alert(1)'),
  'general.repo_url': text('https://example.com/talker'),
};

let drover: RunningDrover;
let watched: WatchedPage;
beforeAll(async () => {
  const file = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(models.path, name), bytes);
  file('talker.gguf', tinyLlama({ name: 'Talker', metadata: MADE }));
  file('walker.gguf', tinyLlama({ name: 'Walker' }));
  file('rider.gguf', tinyLlama({ name: 'Rider' }));
  // Its tensors have another shape than its header says.
  file('lame.gguf', tinyLlama({ name: 'Lame', metadata: { 'llama.feed_forward_length': u32(999) } }));
  file('broken.gguf', 'GGUF nonsense');
  writeFileSync(join(data.path, 'config.yaml'), CONFIG);
  drover = await startDrover({ modelsFolders: [models.path], dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
  watched = await openPage(drover, { path: '/models', width: 1440 });
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
  data[Symbol.dispose]();
});

const config = (): string => readFileSync(join(data.path, 'config.yaml'), 'utf8');
const row = (name: string) => watched.page.getByRole('navigation', { name: 'Models' }).getByRole('link', { name });

test('the library is searched and filtered', async () => {
  const { page } = watched;
  await row('Walker').waitFor();
  expect(await page.getByRole('navigation', { name: 'Models' }).getByRole('link').count()).toBe(5);
  await page.getByRole('searchbox').fill('walk');
  await row('Talker').waitFor({ state: 'detached' });
  expect(await row('Walker').count()).toBe(1);
  await page.getByRole('searchbox').fill('');
  await page.getByRole('combobox', { name: 'Kind' }).click();
  await page.getByRole('option', { name: 'Broken' }).click();
  await row('Talker').waitFor({ state: 'detached' });
  await row('broken').click();
  await page.getByText('This file cannot be used').waitFor();
  await page.getByRole('combobox', { name: 'Kind' }).click();
  await page.getByRole('option', { name: 'All' }).click();
});

describe('the plan', () => {
  test('follows the slider, by keyboard alone, and shows what each part takes', async () => {
    const { page } = watched;
    await row('Talker').click();
    await page.getByText(/^Fits, with a context of 4k tokens/).waitFor();
    const context = page.getByRole('slider', { name: 'Context' });
    await context.focus();
    await page.keyboard.press('Home');
    await page.getByText(/^Fits, with a context of 512 tokens/).waitFor();
    expect(await context.getAttribute('aria-valuetext')).toBe('512 tokens');
    const picture = page.getByRole('figure', { name: 'Memory of Main memory' });
    expect(await picture.getByRole('listitem').allTextContents()).toContainEqual(expect.stringMatching(/^KV cache/));
    expect(await watched.axe()).toEqual([]);
  });

  test('takes exact figures, typed', async () => {
    const { page } = watched;
    const exact = page.getByRole('textbox', { name: 'Context, exactly' });
    await exact.fill('1.5k');
    await exact.press('Enter');
    await page.getByText(/^Fits, with a context of 1,536 tokens/).waitFor();
    expect(await exact.inputValue()).toBe('1536');
    await exact.fill('many');
    expect(await exact.getAttribute('aria-invalid')).toBe('true');
    await exact.press('Escape');
    expect(await exact.inputValue()).toBe('1536');
    // More than it was trained for is what it was trained for.
    await exact.fill('1M');
    await exact.blur();
    expect(await exact.inputValue()).toBe('4096');
    await exact.fill('');
    await exact.press('Enter');
    await page.getByText(/^Fits, with a context of 4k tokens/).waitFor();
    expect(await exact.getAttribute('placeholder')).toBe('auto');
    await exact.fill('512');
    await exact.press('Enter');
    await page.getByText(/^Fits, with a context of 512 tokens/).waitFor();
  });

  test('kept, it stands in the configuration, whose comments stay, and loads like that', async () => {
    const { page } = watched;
    await page.getByRole('button', { name: 'Keep and load' }).click();
    await page.getByText('As planned').waitFor();
    await page.getByRole('heading', { name: 'Last load' }).waitFor();
    expect(config()).toContain('# kept by hand');
    expect(config()).toContain('contextSize: 512');
    const { instances } = await drover.json<{ instances: { modelId: string; verdict: { contextTokens: number } }[] }>(
      '/drover/instances',
    );
    expect(instances).toMatchObject([{ modelId: 'talker-f32', verdict: { contextTokens: 512 } }]);
    await row('Talker').getByText('Loaded').waitFor();
  });

  test('automatic again is what it would be without the entry', async () => {
    const { page } = watched;
    await page.getByText(/^Fits, with a context of 512 tokens/).waitFor();
    await page.getByRole('button', { name: 'Automatic again' }).click();
    await page.getByText(/^Fits, with a context of 4k tokens/).waitFor();
    expect(await page.getByRole('slider', { name: 'Context' }).getAttribute('aria-valuetext')).toMatch(
      /^automatic: 4k/,
    );
    await page.getByRole('button', { name: 'Keep as default' }).click();
    await page.getByText('Kept. It runs with its older settings until it is loaded again.').waitFor();
    expect(config()).not.toContain('contextSize');
  });
});

test('pinned, unpinned, unloaded: told at once, without a reload', async () => {
  const { page } = watched;
  const menu = async (item: string): Promise<void> => {
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  await menu('Pin: never makes room for others');
  await page.getByText('Pinned', { exact: true }).waitFor();
  await menu('Unpin');
  await page.getByText('Pinned', { exact: true }).waitFor({ state: 'detached' });
  // By somebody else, of a model that runs and of one that does not.
  for (const [model, name] of [
    ['talker-f32', 'Talker'],
    ['rider-f32', 'Rider'],
  ] as const) {
    await row(name).click();
    await page.getByRole('heading', { name }).waitFor();
    for (const pinned of [true, false]) {
      await drover.json('/drover/models/pin', { model, pinned });
      await page.getByText('Pinned', { exact: true }).waitFor({ state: pinned ? 'visible' : 'detached' });
    }
  }
  await row('Talker').click();
  await page.getByRole('button', { name: 'Unload', exact: true }).click();
  await page.getByRole('button', { name: 'Load', exact: true }).waitFor();
});

test('details are those of the file', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'Details' }).click();
  await page.getByText(join(models.path, 'talker.gguf')).waitFor();
  expect(await page.getByText('Architecture').count()).toBe(1);
  await page.getByText('A. Shepherd', { exact: true }).waitFor();
  await page.getByText('apache-2.0', { exact: true }).waitFor();
  expect(await page.getByRole('link', { name: 'apache-2.0' }).count()).toBe(0);
  const home = page.getByRole('link', { name: 'https://example.com/talker' });
  expect(await home.getAttribute('rel')).toBe('noopener noreferrer');
  await page.getByText('32.00', { exact: true }).waitFor();
  await page.getByRole('figure', { name: 'Types of its tensors' }).getByText('F32').waitFor();
  await watched.picture('models-details');
  expect(await watched.axe()).toEqual([]);
});

test('a setting is refused at its field, and then saved', async () => {
  const { page } = watched;
  await page.getByRole('tab', { name: 'Settings' }).click();
  const names = page.getByLabel('Further names');
  await names.fill(`ok, ${'x'.repeat(300)}`);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/aliases.*is not right/).waitFor();
  expect(config()).not.toContain('aliases');
  await names.fill('chatty, plauderer');
  await page.getByLabel('Description').fill('For: small # talk');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  expect(config()).toContain('plauderer');
  expect(config()).toContain('talker-f32: # small');
  await page.getByText('For: small # talk').first().waitFor();
  expect((await drover.json<{ id: string }>('/drover/models/plauderer')).id).toBe('talker-f32');
});

test('a failed load shows the reason, the engine’s words, and can be put away', async () => {
  const { page } = watched;
  await row('Lame').click();
  await page.getByRole('button', { name: 'Load', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await page.getByText('The engine’s last words').waitFor();
  expect(await watched.axe()).toEqual([]);
  await row('Lame').getByText('Failed').waitFor();
  await page.getByRole('button', { name: 'Dismiss' }).first().click();
  await page.getByText('The engine’s last words').waitFor({ state: 'detached' });
});

test('a deleted model is stopped and gone with its file, after a question that names it', async () => {
  const { page } = watched;
  await row('Walker').click();
  await page.getByRole('button', { name: 'Load', exact: true }).click();
  await row('Walker').getByText('Loaded').waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  const question = page.getByRole('alertdialog', { name: 'Delete Walker?' });
  await question.getByText(join(models.path, 'walker.gguf')).waitFor();
  await question.getByRole('button', { name: 'Delete', exact: true }).click();
  // While it is open, nothing behind it is there for anybody.
  await question.waitFor({ state: 'detached' });
  await row('Walker').waitFor({ state: 'detached' });
  expect(existsSync(join(models.path, 'walker.gguf'))).toBe(false);
});

test('where two do not fit beside each other, loading one makes the other leave, and both are told', async () => {
  using folder = temporaryFolder('models-page-swap');
  // Each takes some 110 MB of main memory; one and a half of them is what there is.
  await using small = await startDrover({
    modelsFolders: [models.path],
    dataFolder: folder.path,
    args: ['--ram', '0.16'],
    oneThread: ['talker-f32', 'rider-f32'],
  });
  await small.waitForLine(/engine ready/);
  await using page = await openPage(small, { path: '/models', width: 1440 });
  const link = (name: string) => page.page.getByRole('navigation', { name: 'Models' }).getByRole('link', { name });
  await link('Talker').click();
  await page.page.getByRole('button', { name: 'Load', exact: true }).click();
  await link('Talker').getByText('Loaded').waitFor();
  await link('Rider').click();
  await page.page.getByRole('button', { name: 'Load', exact: true }).click();
  await link('Rider').getByText('Loaded').waitFor();
  await link('Talker').getByText('Loaded').waitFor({ state: 'detached' });
  await page.page.getByRole('heading', { name: 'Last load' }).waitFor();
});

test('where it is narrow, list and model take turns', async () => {
  await using narrow = await openPage(drover, { path: '/models', width: 360, height: 740, colorScheme: 'dark' });
  const { page } = narrow;
  await page.getByRole('link', { name: /Talker/ }).click();
  await page.getByRole('heading', { name: 'Talker', level: 2 }).waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await narrow.axe()).toEqual([]);
  await page.getByRole('link', { name: 'All models' }).click();
  await page.getByRole('searchbox').waitFor();
  expect([...narrow.complaints, ...watched.complaints.filter((text) => !/ 400 |502/.test(text))]).toEqual([]);
});
