// Every page with the keyboard alone, in a real browser against the compiled executable: everything is reached, is seen where
// one is, nothing holds the focus fast; and what a person comes for is done without a mouse.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';

import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { eventually } from '../fixtures/restarts.ts';
import { tabWalk } from '../fixtures/tab-walk.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { writtenChat } from '../fixtures/written-chat.ts';

/** Where to, what is there once the page has come, and a control that must be among the stops. */
const PLACES: readonly (readonly [path: string, text: string, stop: string])[] = [
  ['/', 'Talker', 'Chat'],
  ['/setup', 'is ready', 'Later'],
  ['/chat?model=talker-f32', 'talker-f32', 'Your message'],
  ['/chat/flock', 'Number 3', 'Answer again'],
  ['/models', 'Talker', 'Walker'],
  ['/models/talker-f32', 'Requests at the same time', 'Context'],
  ['/get', 'choice-GGUF', 'choice'],
  ['/get/owner/choice-GGUF', 'Q8_0', 'Download'],
  ['/instances', 'talker-f32', 'Search'],
  ['/bench', 'Start', 'Start'],
  ['/api', 'curl', 'Copy'],
  ['/settings', 'Folder', 'Folders'],
];

const models = temporaryFolder('keyboard-models');
let hub: FakeHub;
let drover: RunningDrover;
let watched: WatchedPage;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(models.path, 'walker.gguf'), tinyLlama({ name: 'Walker' }));
  hub = await startHub({
    repositories: [
      {
        id: 'owner/choice-GGUF',
        files: [{ path: 'choice-Q8_0.gguf', content: tinyLlama({ name: 'Choice', contextTokens: 256 }) }],
      },
    ],
  });
  drover = await startDrover({
    modelsFolders: [models.path],
    environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
    oneThread: ['talker-f32', 'walker-f32'],
  });
  await drover.waitForLine(/engine ready/);
  await drover.json('/drover/models/load', { model: 'talker-f32' });
  await drover.json('/drover/chats/import', {
    chats: [
      writtenChat({
        id: 'flock',
        title: 'The flock',
        modelId: 'talker-f32',
        messageCount: 4,
        text: (index) => `Number ${index}: [a link](https://example.com)\n\n\`\`\`js\nconst x = ${index};\n\`\`\``,
      }),
    ],
  });
  watched = await openPage(drover);
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await drover?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

test('the walk sees what is wrong with a page', async () => {
  await using apart = await openPage(drover, { path: null });
  await apart.page.setContent(`
    <style>button:focus { outline: none } .good:focus { outline: 2px solid } .bar { position: fixed; inset: 0 0 auto; height: 60px; z-index: 1 }</style>
    <button class="good" style="display: block">good</button><button class="good" style="margin-top: 100px">seen</button>
    <button>unseen</button><button class="good" tabindex="-1">skipped</button>
    <button class="good" style="position: fixed; left: -200px">outside</button><div class="bar"></div>`);
  const { stops, findings } = await tabWalk(apart.page);
  expect(stops).toHaveLength(4);
  expect(findings).toEqual([
    'covered by div "" bar: button "good" good',
    'no focus to be seen: button "unseen"',
    'outside of the window: button "outside" good',
    'never reached: button "skipped" good',
  ]);
});

describe.each([1280, 360])('at a width of %i', (width) => {
  test.each(PLACES.map(([path, text, stop]) => ({ path, text, stop })))('$path', async ({ path, text, stop }) => {
    const { page } = watched;
    await page.setViewportSize({ width, height: 800 });
    await watched.visit(path);
    await page.getByText(text).first().waitFor();
    const { stops, findings } = await tabWalk(page);
    expect(findings).toEqual([]);
    expect(stops.find((name) => name.includes(stop))).toBeDefined();
  });
});

/** Presses Tab until this is where one is, which its role and name say. */
async function tabTo(role: Parameters<WatchedPage['page']['getByRole']>[0], name: string | RegExp): Promise<void> {
  const { page } = watched;
  const wanted = page.getByRole(role, { name, ...(typeof name === 'string' ? { exact: true } : {}) }).first();
  await wanted.waitFor();
  for (let count = 0; count < 200; count += 1) {
    if (await wanted.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to the ${role} ${name}`);
}
const isFocused = (role: 'button', name: string): Promise<boolean> =>
  watched.page.getByRole(role, { name, exact: true }).evaluate((node) => node === document.activeElement);

describe('without a mouse', () => {
  beforeAll(() => watched.page.setViewportSize({ width: 1280, height: 900 }));

  test('a model is loaded, pinned, unpinned and unloaded', async () => {
    const { page } = watched;
    await watched.visit('/models');
    await tabTo('link', /^Walker/);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/models/walker-f32');
    await tabTo('button', 'Load');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Unload', exact: true }).waitFor();
    for (const [item, state] of [
      ['Pin', 'visible'],
      ['Unpin', 'detached'],
    ] as const) {
      await tabTo('button', 'More');
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: item }).waitFor();
      // Its first letters find it.
      await page.keyboard.type(item.toLowerCase());
      await page.keyboard.press('Enter');
      await page.getByText('Pinned', { exact: true }).waitFor({ state });
      expect(await isFocused('button', 'More')).toBe(true);
    }
    await tabTo('button', 'Unload');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Load', exact: true }).waitFor();
  });

  test('a dialog that deletes is left by Escape, and gives the focus back', async () => {
    const { page } = watched;
    await watched.visit('/models/walker-f32');
    await tabTo('button', 'More');
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: /^Delete/ }).waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('alertdialog');
    await dialog.waitFor();
    // The focus stays within.
    for (let count = 0; count < 6; count += 1) {
      await page.keyboard.press('Tab');
      expect(await dialog.evaluate((node) => node.contains(document.activeElement))).toBe(true);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await eventually(
      () => isFocused('button', 'More'),
      () => 'the focus is where it was',
    );
  });

  test('an entry is changed and kept', async () => {
    const { page } = watched;
    await watched.visit('/models/walker-f32');
    await tabTo('tab', 'Memory plan');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await tabTo('textbox', /^Description/);
    await page.keyboard.type('It walks.');
    await tabTo('button', /^Save/);
    await page.keyboard.press('Enter');
    await page.getByText(/^Saved/).waitFor();
    const { models: all } = await drover.json<{ models: { id: string; description: string | null }[] }>(
      '/drover/models',
    );
    expect(all.find(({ id }) => id === 'walker-f32')?.description).toBe('It walks.');
  });

  test('a search leads to a download, which ends as a model', async () => {
    const { page } = watched;
    await watched.visit('/get');
    await tabTo('searchbox', /./);
    await page.keyboard.type('choice');
    await tabTo('link', /choice-GGUF/);
    await page.keyboard.press('Enter');
    await tabTo('button', /^Download Q8_0/);
    await page.keyboard.press('Enter');
    await tabTo('link', 'Details');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/models/**');
    await page.getByRole('heading', { name: 'Choice' }).waitFor();
  });

  test('a benchmark is started and given up', async () => {
    const { page } = watched;
    await watched.visit('/bench');
    await tabTo('combobox', 'How thorough');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: 'Thorough' }).waitFor();
    await page.keyboard.type('thor');
    await page.keyboard.press('Enter');
    await tabTo('button', 'Start');
    await page.keyboard.press('Enter');
    await tabTo('button', 'Cancel');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Cancel', exact: true }).waitFor({ state: 'detached' });
  });

  test('logs are filtered', async () => {
    const { page } = watched;
    await watched.visit('/instances');
    await tabTo('searchbox', /./);
    await page.keyboard.type('engine');
    await page
      .getByText(/engine/)
      .first()
      .waitFor();
    await tabTo('combobox', 'From level');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: /rror/ }).waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.getByText('engine ready').waitFor({ state: 'detached' });
  });

  test('a setting is changed and set back', async () => {
    const { page } = watched;
    await watched.visit('/settings');
    await tabTo('tab', 'Folders');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await tabTo('textbox', 'ttl');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('777');
    await tabTo('button', 'Save');
    await page.keyboard.press('Enter');
    await page.getByText('Saved.').first().waitFor();
    await tabTo('button', 'ttl back to the default');
    await page.keyboard.press('Enter');
    await tabTo('button', 'Save');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'ttl back to the default' }).waitFor({ state: 'detached' });
  });

  test('where it is narrow, drawers open, are left by Escape, and give the focus back', async () => {
    const { page } = watched;
    await page.setViewportSize({ width: 360, height: 800 });
    await watched.visit('/chat/flock');
    for (const [opener, inside] of [
      ['Open the navigation', 'Settings'],
      ['Show the chats', 'The flock'],
    ] as const) {
      await tabTo('button', opener);
      await page.keyboard.press('Enter');
      await tabTo('link', inside);
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: inside, exact: true }).waitFor({ state: 'hidden' });
      await eventually(
        () => isFocused('button', opener),
        () => `the focus is on “${opener}” again`,
      );
    }
  });

  // The last: from here on the page needs the key.
  test('a key is made, copied and removed', async () => {
    const { page } = watched;
    await page.setViewportSize({ width: 1280, height: 900 });
    await watched.visit('/api');
    await tabTo('button', 'Make a key');
    await page.keyboard.press('Enter');
    await tabTo('textbox', 'Name');
    await page.keyboard.type('by hand');
    await page.keyboard.press('Enter');
    await tabTo('button', 'Done');
    await page.keyboard.press('Enter');
    await tabTo('button', /by hand/);
    await page.keyboard.press('Enter');
    await page.getByRole('alertdialog').waitFor();
    await tabTo('button', 'Remove');
    await page.keyboard.press('Enter');
    await page.getByText('by hand').first().waitFor({ state: 'detached' });
    expect(watched.complaints).toEqual([]);
  });
});
