// The page without a mouse, in a real browser against the compiled executable: everything is reached, seen and left by Tab,
// and whole courses go by keys alone.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { writtenChat } from '../fixtures/written-chat.ts';
import { focusOn, pressAll, tabTo, walk } from './focus-walk.ts';

const models = temporaryFolder('keyboard-models');
const data = temporaryFolder('keyboard-data');
const ANSWER = `Some words, and [a page](https://example.com/page).

\`\`\`js
const answer = 42;
\`\`\`

| a | b |
|---|---|
| 1 | 2 |
`;

let hub: FakeHub;
let drover: RunningDrover;
// One browser for all of them: to start one takes longer than most of what is done in it.
let watched: WatchedPage;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(models.path, 'walker.gguf'), tinyLlama({ name: 'Walker' }));
  writeFileSync(join(models.path, 'broken.gguf'), 'no model');
  writeFileSync(
    join(data.path, 'config.yaml'),
    'models:\n  talker-f32: { threads: 1 }\n  walker-f32: { threads: 1 }\n',
  );
  const file = (path: string, blockCount: number) => ({ path, content: tinyLlama({ name: 'Choice', blockCount }) });
  hub = await startHub({
    repositories: [
      { id: 'owner/choice-GGUF', files: [file('choice-Q2_K.gguf', 2), file('choice-Q4_K_M.gguf', 40)] },
      { id: 'owner/other-GGUF', files: [file('other-Q8_0.gguf', 3)] },
    ],
  });
  drover = await startDrover({
    modelsFolders: [models.path],
    dataFolder: data.path,
    environment: {
      HF_ENDPOINT: hub.url,
      DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(','),
      // It has no builds, and says so at once.
      DROVER_GITHUB_API: hub.url,
      DROVER_DEBIAN_ARCHIVE: hub.url,
    },
  });
  const opening = openPage(drover);
  await drover.waitForLine(/engine ready/);
  await drover.json('/drover/chats/import', { chats: [SHORT] });
  await drover.json('/drover/models/load', { model: 'talker-f32' });
  const effort = { promptLengths: [16], concurrencies: [1], tokens: 4, runs: 1 };
  await drover.json('/drover/bench', { model: 'talker-f32', save: 'before', ...effort });
  watched = await opening;
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  for (const folder of [models, data]) folder[Symbol.dispose]();
});

const SHORT = writtenChat({
  id: 'short',
  title: 'Short',
  modelId: 'talker-f32',
  messageCount: 6,
  text: (index) => (index % 2 === 0 ? `Question ${index}` : ANSWER),
  thought: 'It was thought about.',
});

const selected = (tab: string): string => `[role=tab][aria-selected=true]:text-is("${tab}")`;
/** Each with what is there once it is all there. */
const PLACES: readonly (readonly [path: string, sign: string])[] = [
  ['/', '[aria-label="Stop talker-f32"]'],
  ['/setup', '.setup-model'],
  ['/chat', '.chat-row'],
  ['/chat/short', '.chat-last .chat-tools'],
  ['/models', '.models-row'],
  ['/models/talker-f32', '.models-reasons'],
  ['/get', '.get-hit'],
  ['/get/owner/choice-GGUF', '.get-recommended'],
  ['/instances', '.log-line'],
  ['/bench', '.bench-run'],
  ['/api', '.code'],
  ['/settings', '.settings-list li'],
  ['/settings/engine', selected('Engine')],
  ['/settings/general', '.settings-field'],
  ['/settings/file', '.settings-editor'],
  ['/settings/server', selected('Server')],
  ['/settings/appearance', selected('Appearance')],
  ['/settings/about', selected('About')],
];

async function resize(width: number): Promise<void> {
  await watched.page.setViewportSize({ width, height: width < 900 ? 740 : 900 });
}
async function open(path: string, width = 1280): Promise<void> {
  await resize(width);
  await watched.visit(path);
}

/** A place with all that it loads, from within the page: to load that anew takes longer than to walk it. */
async function arrive(path: string, sign: string): Promise<void> {
  const { page } = watched;
  await page.evaluate((to) => history.pushState(null, '', to), `/ui${path}`);
  await page.locator(sign).first().waitFor({ state: 'attached' });
  await page.locator('.skeleton').first().waitFor({ state: 'detached' });
}

describe('everything is reached in its order, seen, and left', () => {
  beforeAll(() => resize(1280));
  test.each(PLACES)('%s', async (path, sign) => {
    await arrive(path, sign);
    const { stops, findings } = await walk(watched.page);
    expect(findings).toEqual([]);
    expect(stops.length).toBeGreaterThan(10);
  });
});

// Those that are laid out otherwise there; upward too where bars stand over and under what scrolls.
const NARROW = ['/', '/chat/short', '/models/talker-f32', '/get/owner/choice-GGUF', '/instances', '/settings/general'];
const UPWARD = new Set(['/chat/short', '/settings/general']);

describe('so it is at 360 px', () => {
  beforeAll(async () => {
    await resize(360);
    // It slides out of view.
    await watched.page.locator('#side').waitFor({ state: 'hidden' });
  });
  test.each(PLACES.filter(([path]) => NARROW.includes(path)))('%s', async (path, sign) => {
    await arrive(path, sign);
    expect((await walk(watched.page)).findings).toEqual([]);
    if (UPWARD.has(path)) expect((await walk(watched.page, { isBackward: true })).findings).toEqual([]);
  });
});

type Role = Parameters<Page['getByRole']>[0];

describe('by keys alone', () => {
  const go = (name: string | RegExp, role: Role = 'button'): Promise<void> =>
    tabTo(watched.page, watched.page.getByRole(role, { name, exact: true }));
  const press = (...keys: readonly string[]): Promise<void> => pressAll(watched.page, keys);
  const back = (name: string | RegExp, role: Role = 'button'): Promise<void> =>
    tabTo(watched.page, watched.page.getByRole(role, { name, exact: true }), { isBackward: true });
  const isFocused = (name: string | RegExp, role: Role = 'button'): Promise<void> =>
    focusOn(watched.page.getByRole(role, { name, exact: true }));

  test('a model is loaded, kept, let go and stopped on Home', async () => {
    await open('/');
    const { page } = watched;
    await drover.json('/drover/models/stop', { all: true });
    await go('Load walker-f32');
    await press('Enter');
    await go('Keep walker-f32 loaded');
    await press('Enter');
    await page.getByText('Pinned').waitFor();
    // The news may come before the answer, and until that the button takes nothing.
    await page.locator('[aria-busy=true]').waitFor({ state: 'detached' });
    await isFocused(/^Let walker-f32 go/);
    await press('Enter');
    await page.getByText('Pinned').waitFor({ state: 'detached' });
    await go('Stop walker-f32');
    await press('Space');
    await page.getByText(/Nothing is loaded/).waitFor();
  });

  test('a model is planned, loaded, pinned, set and unloaded on Models', async () => {
    await open('/models');
    const { page } = watched;
    await go(/^Walker/, 'link');
    await press('Enter');
    await go('Context', 'slider');
    await press('Home');
    await page.getByText(/^Fits, with a context of 512 tokens/).waitFor();
    await press('ArrowRight');
    await page.getByText(/^Fits, with a context of 1k tokens/).waitFor();
    await back('Load');
    await press('Enter');
    await isFocused('Unload');
    await go('More');
    await press('Enter');
    await isFocused(/^Pin: never/, 'menuitem');
    await press('Enter');
    await page.getByText('Pinned', { exact: true }).waitFor();
    await isFocused('More');
    await go('Memory plan', 'tab');
    await press('ArrowRight', 'ArrowRight', 'Enter');
    await go('Description', 'textbox');
    await page.keyboard.type('For small talk');
    await go('Save');
    await press('Enter');
    await page.getByText('Saved.').waitFor();
    await page.getByText('For small talk').first().waitFor();
    await back('Unload');
    await press('Enter');
    await isFocused('Load');
  });

  test('deleting asks first; Escape leaves everything as it was and gives the focus back', async () => {
    await open('/models/walker-f32');
    const { page } = watched;
    const ask = async (): Promise<void> => {
      await go('More');
      await press('Enter', 'ArrowUp');
      await isFocused('Delete…', 'menuitem');
      await press('Enter');
      await page.getByRole('alertdialog', { name: 'Delete Walker?' }).waitFor();
    };
    await go('More');
    await press('Enter');
    await isFocused('Unpin', 'menuitem');
    await press('Escape');
    await isFocused('More');
    await ask();
    expect((await walk(page, { within: '[role=alertdialog]' })).findings).toEqual([]);
    await press('Escape');
    await page.getByRole('alertdialog').waitFor({ state: 'detached' });
    await isFocused('More');
    await ask();
    await go('Delete');
    await press('Enter');
    await page.getByText('Walker is deleted.').waitFor();
    await page.waitForURL('**/ui/models');
    expect(existsSync(join(models.path, 'walker.gguf'))).toBe(false);
  });

  test('a benchmark is started and cancelled', async () => {
    await open('/bench');
    const { page } = watched;
    await go('How thorough', 'combobox');
    await press('Enter', 'End', 'Enter');
    await page.getByText(/Prompts of 128, 512, 2048, 8192/).waitFor();
    await go('Name', 'textbox');
    await page.keyboard.type('in vain');
    await press('Enter');
    await go('Cancel');
    await press('Enter');
    await page.getByRole('listitem').filter({ hasText: 'in vain' }).getByText('Failed').waitFor();
    await go('Delete in vain');
    await press('Enter');
    await go('Delete');
    await press('Enter');
    await page.getByText('in vain').waitFor({ state: 'detached' });
  });

  test('a model is found at the hub and downloaded', async () => {
    await open('/get');
    const { page } = watched;
    await go(/^Search Hugging Face/, 'searchbox');
    await page.keyboard.type('choice');
    await page.getByRole('link', { name: /other-GGUF/ }).waitFor({ state: 'detached' });
    await go(/choice-GGUF/, 'link');
    await press('Enter');
    await go('Download Q2_K');
    await press('Enter');
    await page.getByRole('row', { name: /Q2_K/ }).getByRole('link', { name: 'Details' }).waitFor();
  });

  test('the log is filtered, looked back through and followed again', async () => {
    await open('/instances');
    const { page } = watched;
    await page.locator('.log-line').first().waitFor();
    await press('/');
    await isFocused('Only lines with', 'searchbox');
    await page.keyboard.type('listening');
    await page
      .getByRole('status')
      .filter({ hasText: / of .* lines/ })
      .waitFor();
    await press('Control+a', 'Delete');
    await back('From level', 'combobox');
    await press('Enter', 'End', 'Home', 'Enter');
    await isFocused('From level', 'combobox');
    await go('Lines of the log', 'region');
    await press('Home');
    await go('Follow');
    await press('Enter');
    await page.getByRole('button', { name: 'Follow' }).waitFor({ state: 'detached' });
  });

  test('a setting is changed and saved', async () => {
    await open('/settings');
    const { page } = watched;
    await go('Folders', 'tab');
    await press('ArrowRight', 'ArrowRight', 'Enter');
    await go('Search settings', 'searchbox');
    await page.keyboard.type('queueTimeout');
    await go('queueTimeout', 'textbox');
    await press('ArrowUp');
    await page.getByText('1 change is not saved').waitFor();
    await go('Save');
    await press('Enter');
    await page.getByText('Saved.').first().waitFor();
    expect(readFileSync(join(data.path, 'config.yaml'), 'utf8')).toContain('queueTimeout: ');
  });

  test('a key is made and removed; the dialogs keep the focus, and give it back', async () => {
    await open('/api');
    const { page } = watched;
    await go('Make a key');
    await press('Enter');
    await isFocused('Name', 'textbox');
    expect((await walk(page, { within: '[role=dialog]' })).findings).toEqual([]);
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await isFocused('Make a key');
    await press('Enter');
    await isFocused('Name', 'textbox');
    await page.keyboard.type('laptop');
    await press('Enter');
    await page.getByText('It is shown this once.').waitFor();
    expect((await walk(page, { within: '[role=dialog]' })).findings).toEqual([]);
    await go('Done');
    await press('Enter');
    await isFocused('Make a key');
    await go('Remove laptop');
    await press('Enter');
    await page.getByRole('alertdialog').getByText('It is the last one.').waitFor();
    await press('Escape');
    await isFocused('Remove laptop');
    await press('Enter');
    await go('Remove');
    await press('Enter');
    await page.getByText('No key yet').waitFor();
  });

  test('a chat is asked, its question edited, its settings changed, itself renamed and deleted', async () => {
    await open('/chat?model=talker-f32');
    const { page } = watched;
    await isFocused('Your message', 'textbox');
    await page.keyboard.type('How many sheep?');
    await press('Enter');
    await page.waitForURL(/\/ui\/chat\/\w+$/);
    await press('Escape');
    await page.getByRole('button', { name: 'Answer again' }).waitFor();
    await press('ArrowUp');
    await isFocused('Edit your message', 'textbox');
    await press('Escape');
    await isFocused('Your message', 'textbox');
    await back('Settings of this chat');
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    expect((await walk(page, { within: '[role=dialog]' })).findings).toEqual([]);
    await press('Escape');
    await isFocused('Settings of this chat');
    await back(/^Model: talker-f32/, 'combobox');
    await press('Enter');
    await isFocused('Search models', 'combobox');
    await press('Escape');
    await isFocused(/^Model: talker-f32/, 'combobox');
    const menu = page.locator('.chat-head').getByRole('button', { name: /^Actions for/ });
    const choose = async (item: string): Promise<void> => {
      await tabTo(page, menu);
      await press('Enter');
      await page.keyboard.type(item);
      await isFocused(item, 'menuitem');
      await press('Enter');
    };
    await choose('Rename');
    await isFocused('Name', 'textbox');
    await press('Control+a');
    await page.keyboard.type('Sheep');
    await press('Enter');
    await page.getByRole('heading', { name: 'Sheep', level: 1 }).waitFor();
    await focusOn(menu);
    await choose('Delete');
    await page.getByRole('alertdialog').waitFor();
    await press('Escape');
    await focusOn(menu);
    await choose('Delete');
    await go('Delete');
    await press('Enter');
    await page.waitForURL('**/ui/chat');
  });
});

describe('where it is narrow', () => {
  const opener = (name: string): Locator => watched.page.getByRole('button', { name, exact: true });

  test.each(['/settings', '/instances'])('on %s the navigation takes the focus and gives it back', async (path) => {
    await open(path, 360);
    const { page } = watched;
    await tabTo(page, opener('Open the navigation'));
    await page.keyboard.press('Enter');
    await focusOn(page.getByRole('link', { name: 'Drover' }));
    expect((await walk(page)).findings).toEqual([]);
    await page.keyboard.press('Escape');
    await focusOn(opener('Open the navigation'));
    await page.getByRole('link', { name: 'Benchmarks' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('link', { name: 'Benchmarks' }));
    await page.keyboard.press('Enter');
    await page.waitForURL('**/ui/bench');
    await focusOn(page.locator('main'));
  });

  test('the chats open over the page, keep the focus, and give it back', async () => {
    await open('/chat', 360);
    const { page } = watched;
    await tabTo(page, opener('Show the chats'));
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('link', { name: 'Short' }).waitFor();
    expect((await walk(page, { within: '[role=dialog]' })).findings).toEqual([]);
    await page.keyboard.press('Escape');
    await focusOn(opener('Show the chats'));
  });

  test('the palette gives the focus back to what opened it', async () => {
    await open('/get', 360);
    const { page } = watched;
    const button = page.locator('.topbar').getByRole('button').last();
    await tabTo(page, button);
    await page.keyboard.press('Enter');
    await focusOn(page.getByRole('combobox', { name: 'Where to, or what to do?' }));
    await page.keyboard.press('Escape');
    await focusOn(button);
  });
});
