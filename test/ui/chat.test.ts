// The page "Chat" in a real browser, against the compiled executable: with a real engine, and with one that says what it is
// asked to, for what a real one does not say.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { processesWith, type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { openPage, type PageOptions, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { writtenChat } from '../fixtures/written-chat.ts';

const SCRIPTED = join(import.meta.dir, '../fixtures/scripted-engine.ts');
const FAKE = join(import.meta.dir, '../fixtures/fake-engine.ts');

const folder = temporaryFolder('chat');
const data = join(folder.path, 'data');
const models = join(folder.path, 'models');
const entry = (command: string): string => `    cmd: '"${process.execPath}" ${command}'\n    checkEndpoint: /health\n`;

let drover: RunningDrover;
beforeAll(async () => {
  mkdirSync(data);
  mkdirSync(models);
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(
    join(data, 'config.yaml'),
    [
      'models:\n',
      '  talker-f32: { threads: 1 }\n',
      `  scripted:\n${entry(`"${SCRIPTED}" \${PORT}`)}`,
      `  broken:\n${entry(`"${FAKE}" dies-at-start`)}`,
    ].join(''),
  );
  drover = await startDrover({ dataFolder: data, modelsFolders: [models] });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

let watched: WatchedPage;
let page: Page;
const open = async (options: PageOptions = {}): Promise<void> => {
  watched = await openPage(drover, { path: '/chat?model=scripted', ...options });
  page = watched.page;
};
const expectNoComplaints = (): void => {
  expect(watched.complaints).toEqual([]);
  expect(watched.browser.strays).toEqual([]);
};
const composer = (): Locator => page.getByRole('textbox', { name: 'Your message' });
const answers = (): Locator => page.locator('.chat-answer');
const lastAnswer = (): Locator => answers().last();
const say = async (text: string): Promise<void> => {
  await composer().fill(text);
  await composer().press('Enter');
};
/** Says it, and waits for the whole answer. */
const ask = async (text: string): Promise<void> => {
  const count = await answers().count();
  await say(text);
  await answers().nth(count).waitFor();
  await lastAnswer().getByRole('button', { name: 'Answer again' }).waitFor();
};
const chatId = (): string => /\/ui\/chat\/(\w+)$/.exec(page.url())?.[1] ?? '';
interface Whole {
  readonly chat: { readonly title: string; readonly headId: string; readonly settings: Record<string, unknown> };
  readonly messages: readonly {
    readonly role: string;
    readonly content: string;
    readonly state: string;
    readonly failure: string | null;
    readonly metrics: Record<string, number | null> | null;
  }[];
}
const kept = (id = chatId()): Promise<Whole> => drover.json<Whole>(`/drover/chats/${id}`);
/** The page keeps what it has a moment after it shows it. */
const keptWhen = async (isSo: (whole: Whole) => boolean): Promise<Whole> => {
  for (;;) {
    const whole = await kept();
    if (isSo(whole)) return whole;
    await page.waitForResponse((response) => response.request().method() !== 'GET');
  }
};

describe('with a real engine', () => {
  beforeEach(() => open({ path: '/chat?model=talker-f32' }));
  afterEach(() => watched[Symbol.asyncDispose]());

  test('the first question loads the model, is answered with figures, and is there after a reload', async () => {
    await page.getByRole('button', { name: 'Settings of this chat' }).click();
    await page.getByRole('textbox', { name: 'System prompt' }).fill('Be brief.');
    await page.getByRole('textbox', { name: 'Longest answer' }).fill('24');
    await page.getByRole('textbox', { name: 'Temperature' }).fill('0');
    await page.getByRole('button', { name: 'Done' }).click();
    await say('How many sheep are there?');
    await page.waitForURL(/\/ui\/chat\/\w+$/);
    await lastAnswer()
      .getByText(/tokens\/s/)
      .waitFor();
    await lastAnswer().getByText('24 tokens', { exact: true }).waitFor();
    await page.getByRole('heading', { name: 'How many sheep are there?', level: 1 }).waitFor();
    const shown = await lastAnswer().locator('.chat-text').textContent();
    const whole = await keptWhen(({ messages }) => messages[1]?.metrics?.generatedTokens === 24);
    expect(whole.chat.settings).toMatchObject({ modelId: 'talker-f32', systemPrompt: 'Be brief.' });
    expect(whole.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(whole.messages[1]?.metrics?.promptTokens).toBeGreaterThan(5);
    expect(whole.messages[1]?.metrics?.firstTokenMs).toBeGreaterThan(0);
    // It ended at its limit, and may be gone on with.
    await lastAnswer().getByText('The answer reached the limit of tokens.').waitFor();
    await page.reload();
    await lastAnswer().getByText('24 tokens', { exact: true }).waitFor();
    expect(await lastAnswer().locator('.chat-text').textContent()).toBe(shown);
    // The context that the model was loaded with is known now.
    await page.getByRole('meter', { name: 'Context in use' }).waitFor();
    await page.getByRole('link', { name: 'How many sheep are there?' }).waitFor();
    // What goes on begins with what there is.
    await lastAnswer().getByRole('button', { name: 'Continue' }).click();
    const longer = await keptWhen(
      ({ messages }) => (messages[1]?.content.length ?? 0) > (whole.messages[1]?.content.length ?? 0),
    );
    expect(longer.messages[1]?.content).toStartWith(whole.messages[1]?.content ?? '-');
    expect(longer.messages.length).toBe(2);
    expectNoComplaints();
  });
});

describe('with an engine that says what it is asked to', () => {
  beforeEach(() => open());
  afterEach(() => watched[Symbol.asyncDispose]());

  test('an answer is stopped by button and by Escape, and what came of it stays', async () => {
    await say('hang');
    await page.getByText('It begins and').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('You stopped this answer.').waitFor();
    await keptWhen(({ messages }) => messages[1]?.state === 'stopped' && messages[1].content === 'It begins and ');
    await say('hang');
    await lastAnswer().getByText('It begins and').waitFor();
    await page.keyboard.press('Escape');
    await lastAnswer().getByText('You stopped this answer.').waitFor();
    await lastAnswer().getByRole('button', { name: 'Continue' }).click();
    await lastAnswer().getByText('It begins and You said: goes on.').waitFor();
    await keptWhen(({ messages }) => messages[3]?.state === 'complete');
    expectNoComplaints();
  });

  test('another answer and an edited question are versions, between which one switches', async () => {
    await ask('one');
    await lastAnswer().getByRole('button', { name: 'Answer again' }).click();
    await page.getByRole('group', { name: 'Version 2 of 2' }).waitFor();
    await lastAnswer().getByRole('button', { name: 'Answer again' }).waitFor();
    await ask('two');
    await page.getByRole('button', { name: 'Edit', exact: true }).first().click();
    await page.getByRole('textbox', { name: 'Edit your message' }).fill('three');
    await page.keyboard.press('Enter');
    await page.getByText('You said: three').waitFor();
    await lastAnswer().getByRole('button', { name: 'Answer again' }).waitFor();
    expect(await page.getByText('You said: two').count()).toBe(0);
    await page.getByRole('button', { name: 'Previous version' }).click();
    await page.getByText('You said: two').waitFor();
    expect(await page.getByRole('group', { name: 'Version 1 of 2' }).count()).toBe(1);
    expect(await page.getByRole('group', { name: 'Version 2 of 2' }).count()).toBe(1);
    // Which branch is shown is kept.
    await keptWhen(
      ({ chat, messages }) => messages.findIndex((message) => 'id' in message && message.id === chat.headId) === 4,
    );
    await page.reload();
    await page.getByText('You said: two').waitFor();
    // The empty composer's arrow up edits the last question.
    await composer().press('ArrowUp');
    const editor = page.getByRole('textbox', { name: 'Edit your message' });
    expect(await editor.inputValue()).toBe('two');
    await page.keyboard.press('Escape');
    await editor.waitFor({ state: 'detached' });
    expectNoComplaints();
  });

  test('a deleted message takes what follows with it, after a question', async () => {
    await ask('one');
    await ask('two');
    await lastAnswer().getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
    await page.locator('.chat-question').last().hover();
    await page.locator('.chat-question').last().getByRole('button', { name: 'Delete' }).click();
    await page.getByText('It and what follows (1) are gone for good.').waitFor();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('You said: two').waitFor({ state: 'detached' });
    expect((await kept()).messages.length).toBe(2);
    expectNoComplaints();
  });

  test('what is thought is folded, with its time', async () => {
    await say('ponder');
    await page.getByText('Thinking…').waitFor();
    expect(await page.getByText('First I think').isVisible()).toBe(false);
    await page.getByText(/^Thinking for \d+/).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText(/^Thought for \d/).waitFor();
    await ask('think');
    await lastAnswer().getByText('Thoughts').click();
    await page.getByText('First I think for a while.').waitFor();
    await lastAnswer().getByText('34.0 tokens/s').waitFor();
    await lastAnswer().getByText('read 12 tokens, 10 of them cached').waitFor();
    expectNoComplaints();
  });

  test('errors in the stream and streams that break off keep what came, and say what happened', async () => {
    await ask('error');
    await lastAnswer().getByText('So far so good').waitFor();
    await lastAnswer().getByText('The engine ran out of memory.').waitFor();
    await ask('cut');
    await lastAnswer().getByText('It breaks off').waitFor();
    await lastAnswer().getByRole('button', { name: 'Continue' }).waitFor();
    const { messages } = await keptWhen((whole) => whole.messages[3]?.failure !== null);
    expect(messages[1]).toMatchObject({ state: 'partial', failure: 'The engine ran out of memory.' });
    expect(messages[3]).toMatchObject({ state: 'partial', content: 'It breaks off ' });
    await ask('long');
    await lastAnswer().getByText('The answer reached the limit of tokens.').waitFor();
    expectNoComplaints();
  });

  test('hostile markdown is text: nothing of it runs, loads, covers or leads astray', async () => {
    await ask('hostile');
    const text = lastAnswer().locator('.chat-text');
    await text.getByText('over all').waitFor();
    // Colours come when the browser is idle.
    await text.locator('.hljs-tag').first().waitFor();
    expect(await page.evaluate('window.hurt')).toBeUndefined();
    expect(
      await text
        .locator('script, style, iframe, form, img, svg:not(.lucide), object, embed, [style], [onclick], [onerror]')
        .count(),
    ).toBe(0);
    const links = await text.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
    expect(links).toEqual(['https://example.com/page', 'https://example.com/auto', 'https://example.com/picture.png']);
    for (const rel of await text.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('rel')))) {
      expect(rel).toContain('noopener noreferrer');
    }
    expect(await text.locator('sub').textContent()).toBe('2');
    expect(await watched.axe()).toEqual([]);
    expectNoComplaints();
  });

  test('a huge table scrolls within itself', async () => {
    await ask('table 500');
    expect(await lastAnswer().locator('tr').count()).toBe(501);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expectNoComplaints();
  });

  test('an answer goes on while another chat and another page are looked at', async () => {
    await say('hang');
    await page.getByText('It begins and').waitFor();
    const first = page.url();
    await page.keyboard.press('Control+Shift+O');
    await page.waitForURL(/\/ui\/chat$/);
    await page.getByRole('img', { name: 'Answering' }).waitFor();
    await ask('beside');
    await page.getByRole('link', { name: 'Models', exact: true }).click();
    await page.waitForURL('**/ui/models');
    await page.getByRole('link', { name: 'Chat', exact: true }).click();
    await page.getByRole('link', { name: 'hang' }).first().click();
    await page.waitForURL(first);
    await page.getByText('It begins and').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('You stopped this answer.').waitFor();
    expectNoComplaints();
  });

  test('a draft survives a reload, and goes when it is sent', async () => {
    await composer().pressSequentially('half a thought');
    await page.reload();
    expect(await composer().inputValue()).toBe('half a thought');
    await composer().press('Enter');
    await page.getByText('You said: half a thought').waitFor();
    await page.goto(`${drover.url}/ui/chat`);
    expect(await composer().inputValue()).toBe('');
  });

  test('what is sent before the models are known goes once they are, unless it is written on', async () => {
    for (const isWrittenOn of [false, true]) {
      const mayPass = Promise.withResolvers<void>();
      const isHeld = Promise.withResolvers<void>();
      await page.route('**/drover/models', async (route) => {
        isHeld.resolve();
        await mayPass.promise;
        await route.continue();
      });
      await page.goto(`${drover.url}/ui/chat?model=scripted`);
      await isHeld.promise;
      await composer().pressSequentially('too early');
      await composer().press('Enter');
      if (isWrittenOn) await composer().pressSequentially(' for it');
      expect(await answers().count()).toBe(0);
      mayPass.resolve();
      if (isWrittenOn) await page.getByRole('button', { name: 'Send' }).and(page.locator(':enabled')).waitFor();
      else await page.getByText('You said: too early').waitFor();
      await page.unroute('**/drover/models');
    }
    expect(await composer().inputValue()).toBe('too early for it');
    expect(await answers().count()).toBe(0);
    expectNoComplaints();
  });

  test('letters typed anywhere reach the composer; Shift+Enter and composing do not send', async () => {
    await page.getByRole('heading', { level: 1 }).click();
    await page.keyboard.type('hello');
    expect(await composer().inputValue()).toBe('hello');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('world');
    expect(await composer().inputValue()).toBe('hello\nworld');
    await composer().dispatchEvent('keydown', { key: 'Enter', isComposing: true });
    expect(await composer().inputValue()).toBe('hello\nworld');
    expect(await answers().count()).toBe(0);
  });

  test('text files go with a question; pictures are refused where the model does not see', async () => {
    const picker = page.locator('input[type=file][multiple]');
    await picker.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('grüne Wiese') });
    await page.getByText('notes.txt').waitFor();
    await picker.setInputFiles({ name: 'zip.bin', mimeType: '', buffer: Buffer.from([0, 1, 2, 0xff]) });
    await page.getByText('zip.bin is no text (UTF-8)').waitFor();
    await ask('Read it');
    await lastAnswer().getByText('grüne Wiese').waitFor();
    await page.goto(`${drover.url}/ui/chat?model=talker-f32`);
    await page.getByRole('combobox', { name: 'Model: talker-f32' }).waitFor();
    const dot = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    await picker.setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: dot });
    await page.getByText('talker-f32 does not see pictures.').waitFor();
    // A custom server may see: then the picture goes with the question.
    await page.goto(`${drover.url}/ui/chat?model=scripted`);
    await picker.setInputFiles({ name: 'dot.png', mimeType: 'image/png', buffer: dot });
    await page.getByRole('img', { name: 'Picture dot.png' }).waitFor();
    await ask('See it');
    await lastAnswer().getByText('You said: (image_url) See it').waitFor();
    expectNoComplaints();
  });

  test('a model that fails to load says why, and what to do', async () => {
    await page.getByRole('combobox', { name: 'Model: scripted' }).click();
    await page.getByRole('combobox', { name: 'Search models' }).fill('brok');
    await page.getByRole('option').first().waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Model: broken' }).waitFor();
    await say('Are you there?');
    await lastAnswer().getByRole('button', { name: 'Answer again' }).waitFor();
    await lastAnswer()
      .getByText(/^broken could not be loaded: Memory ran out/)
      .waitFor();
    await page.getByRole('button', { name: 'Load again' }).click();
    await page.getByRole('button', { name: 'Load again' }).waitFor();
    await watched.picture('chat-failed');
    await page.getByRole('link', { name: 'Its log' }).waitFor();
    const whole = await keptWhen(({ messages }) => messages[1]?.state === 'failed');
    expect(whole.messages[1]?.failure).toMatch(/Memory ran out/);
    // The way out: another model answers the same question.
    await page.getByRole('combobox', { name: 'Model: broken' }).click();
    await page.getByRole('combobox', { name: 'Search models' }).fill('script');
    await page.getByRole('option', { name: /scripted/ }).click();
    await lastAnswer().getByRole('button', { name: 'Answer again' }).click();
    await page.getByText('You said: Are you there?').waitFor();
    expect(watched.complaints.filter((text) => !/status of 50\d/.test(text))).toEqual([]);
  });
});

describe('the history', () => {
  beforeEach(() => open());
  afterEach(() => watched[Symbol.asyncDispose]());
  const row = (title: string): Locator => page.getByRole('link', { name: title });
  const act = async (title: string, action: string): Promise<void> => {
    await page
      .locator('.chat-side')
      .getByRole('button', { name: `Actions for “${title}”` })
      .click();
    await page.getByRole('menuitem', { name: action }).click();
  };

  test('chats are found by their words, renamed, pinned, exported, deleted and imported', async () => {
    await ask('Tell of the quokka');
    const search = page.getByRole('searchbox', { name: 'Search in all chats' });
    await search.fill('said: tell of the QUOKKA');
    await page.locator('.chat-excerpt mark').getByText('said: Tell of the quokka').waitFor();
    await search.fill('no such words');
    await page.getByText('Nothing found').waitFor();
    await search.fill('');
    await act('Tell of the quokka', 'Rename');
    await page.getByRole('textbox', { name: 'Name' }).fill('Marsupials');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Marsupials', level: 1 }).waitFor();
    await act('Marsupials', 'Pin');
    await page.getByRole('heading', { name: 'Pinned' }).waitFor();
    const markdown = page.waitForEvent('download');
    await act('Marsupials', 'Export as Markdown');
    expect((await markdown).suggestedFilename()).toBe('Marsupials.md');
    const download = page.waitForEvent('download');
    await act('Marsupials', 'Export as JSON');
    const file = await (await download).path();
    await act('Marsupials', 'Delete');
    await page.getByText('“Marsupials” and its 2 messages are gone for good.').waitFor();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await row('Marsupials').waitFor({ state: 'detached' });
    await page.waitForURL(/\/ui\/chat$/);
    await page.locator('input[accept*=json]').setInputFiles(file);
    await row('Marsupials').waitFor();
    await page.getByText('You said: Tell of the quokka').waitFor();
    await page
      .locator('input[accept*=json]')
      .setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('no') });
    await page.getByText('This file holds no chats.').first().waitFor();
    expectNoComplaints();
  });

  test('another tab sees what is said here', async () => {
    await ask('Said in one tab');
    const second = await watched.browser.context.newPage();
    await second.goto(page.url());
    await second.getByText('You said: Said in one tab').waitFor();
    await ask('and once more');
    await second.getByText('You said: and once more').waitFor();
    expectNoComplaints();
  });
});

test('a model that runs otherwise than planned says so in yellow, with the reason', async () => {
  await open({ path: null });
  try {
    const verdict = {
      modelId: 'scripted',
      at: 1,
      outcome: 'degraded',
      findings: [{ message: '12 of 33 layers are on the GPU.', hint: 'Take a smaller context.' }],
    };
    // No machine of the tests has a GPU that could be too small.
    await page.route('**/drover/models', async (route) => {
      const answer = (await (await route.fetch()).json()) as { models: { id: string; instance: object | null }[] };
      const models = answer.models.map((model) =>
        model.id === 'scripted' ? { ...model, instance: { ...model.instance, state: 'ready', verdict } } : model,
      );
      await route.fulfill({ json: { models } });
    });
    await watched.visit('/chat?model=scripted');
    await page.getByText('scripted runs, but not as planned').waitFor();
    await page.getByText('12 of 33 layers are on the GPU. Take a smaller context.').waitFor();
    await watched.picture('chat-degraded');
    expect(await watched.axe()).toEqual([]);
    await page.getByRole('button', { name: 'Hide' }).click();
    await page.getByText('scripted runs, but not as planned').waitFor({ state: 'detached' });
  } finally {
    await watched[Symbol.asyncDispose]();
  }
});

test('pictures are pasted and dropped, and made no larger than models look at', async () => {
  await open();
  try {
    await composer().waitFor();
    // A picture as a browser makes one, larger than any model looks at.
    const put = (how: 'paste' | 'drop'): Promise<unknown> =>
      page.evaluate(`(async () => {
        const canvas = new OffscreenCanvas(4000, 1000);
        canvas.getContext('2d').fillRect(0, 0, 10, 10);
        const data = new DataTransfer();
        data.items.add(new File([await canvas.convertToBlob()], '${how}.png', { type: 'image/png' }));
        const place = document.querySelector('${how === 'paste' ? 'textarea' : '.chat-scroll'}');
        const event = ${how === 'paste' ? "new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })" : "new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })"};
        place.dispatchEvent(event);
      })()`);
    await put('paste');
    const pasted = page.getByRole('img', { name: 'Picture paste.png' });
    await pasted.waitFor();
    expect(
      await pasted.evaluate((node: HTMLImageElement) =>
        node.decode().then(() => [node.naturalWidth, node.naturalHeight]),
      ),
    ).toEqual([1536, 384]);
    await put('drop');
    await page.getByRole('img', { name: 'Picture drop.png' }).waitFor();
    await page.getByRole('button', { name: 'Remove paste.png' }).click();
    await pasted.waitFor({ state: 'detached' });
    await composer().press('Enter');
    await lastAnswer().getByText('You said: (image_url)').waitFor();
    const { messages } = await keptWhen((whole) => whole.messages[1]?.state === 'complete');
    expect(messages[0]).toMatchObject({
      content: '',
      attachments: [{ kind: 'image', name: 'drop.png', mediaType: 'image/png' }],
    });
    await page.getByRole('heading', { name: 'drop.png', level: 1 }).waitFor();
    expectNoComplaints();
  } finally {
    await watched[Symbol.asyncDispose]();
  }
});

test('a chat that another tab deleted is told as gone', async () => {
  await open();
  try {
    await ask('Soon gone');
    const second = await watched.browser.context.newPage();
    await second.goto(page.url());
    await second.getByText('You said: Soon gone').waitFor();
    await second.locator('.chat-head').getByRole('button', { name: 'Actions for “Soon gone”' }).click();
    await second.getByRole('menuitem', { name: 'Delete' }).click();
    await second.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await second.waitForURL(/\/ui\/chat$/);
    await page.getByText('There is no such chat.').waitFor();
  } finally {
    await watched[Symbol.asyncDispose]();
  }
});

test('a key that is revoked in mid-answer is asked for anew, and nothing that was said is lost', async () => {
  await using own = temporaryFolderAsync('chat-key');
  writeFileSync(join(own.path, 'config.yaml'), `models:\n  scripted:\n${entry(`"${SCRIPTED}" \${PORT}`)}`);
  await using guarded = await startDrover({ dataFolder: own.path, args: ['--auth'] });
  const make = async (): Promise<string> =>
    /dk-\S+|[\w-]{24,}/.exec((await guarded.cli('keys', 'add', 'reader')).stdout)?.[0] ?? '';
  await guarded.cli('keys', 'add', 'other');
  const first = await make();
  await using locked = await openPage(guarded, { path: '/chat?model=scripted' });
  page = locked.page;
  const enter = async (key: string): Promise<void> => {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Go on' }).click();
  };
  await enter(first);
  await composer().waitFor();
  // Whatever is sent without a key has the page ask for one: nothing is, once what came is kept.
  const kept = page.waitForResponse((answer) => answer.request().postData()?.includes('It begins and ') === true);
  await say('hang');
  await page.getByText('It begins and').waitFor();
  const id = chatId();
  await kept;
  await guarded.cli('keys', 'rm', 'reader');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByLabel('API key').waitFor();
  // Chats are their owner's, whose key has another value now.
  const second = await make();
  await enter(second);
  await page.getByText('You stopped this answer.').waitFor();
  await page.getByText('Not saved yet; trying again.').waitFor({ state: 'detached' });
  const answer = await guarded.request(`/drover/chats/${id}`, { headers: { authorization: `Bearer ${second}` } });
  const { messages } = (await answer.json()) as Whole;
  expect(messages[1]).toMatchObject({ state: 'stopped', content: 'It begins and ' });
});

test('a server that is lost in mid-stream: what came stays, and is kept when the server is back', async () => {
  await using own = temporaryFolderAsync('chat-lost');
  writeFileSync(join(own.path, 'config.yaml'), `models:\n  scripted:\n${entry(`"${SCRIPTED}" \${PORT}`)}`);
  const first = await startDrover({ dataFolder: own.path });
  await using lost = await openPage(first, { path: '/chat?model=scripted' });
  page = lost.page;
  await say('hang');
  await page.getByText('It begins and').waitFor();
  const id = await page.waitForURL(/\/ui\/chat\/\w+$/).then(chatId);
  first.kill('SIGKILL');
  await first[Symbol.asyncDispose]();
  await page.getByText('The connection to the server was lost.').waitFor();
  await page.getByText('It begins and').waitFor();
  const second = await startDrover({ dataFolder: own.path, listen: new URL(first.url).host });
  try {
    await page.getByText('Connected').waitFor();
    await page.getByText('Not saved yet; trying again.').waitFor({ state: 'detached' });
    const { messages } = await second.json<Whole>(`/drover/chats/${id}`);
    expect(messages[1]).toMatchObject({ state: 'partial', content: 'It begins and ' });
    await lastAnswer().getByRole('button', { name: 'Continue' }).click();
    await lastAnswer().getByText('It begins and You said: goes on.').waitFor();
  } finally {
    await second[Symbol.asyncDispose]();
  }
  expect(processesWith(own.path)).toEqual([]);
});

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([360, 1280, 1920])('at %d pixels it is usable by everybody and nothing sticks out', async (width) => {
    await open({ colorScheme, width, height: width === 360 ? 780 : 900 });
    try {
      await ask('rich');
      await lastAnswer().locator('.hljs-keyword').first().waitFor();
      await ask('think');
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await watched.axe()).toEqual([]);
      await watched.picture(`chat-${width}-${colorScheme}`);
      await page.getByRole('button', { name: 'Settings of this chat' }).click();
      await page.getByRole('textbox', { name: 'System prompt' }).waitFor();
      expect(await watched.axe()).toEqual([]);
      await watched.picture(`chat-settings-${width}-${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.getByRole('combobox', { name: /^Model: / }).click();
      await page.getByRole('option').first().waitFor();
      expect(await watched.axe()).toEqual([]);
      await watched.picture(`chat-models-${width}-${colorScheme}`);
      await page.keyboard.press('Escape');
      expectNoComplaints();
    } finally {
      await watched[Symbol.asyncDispose]();
    }
  });
});

test('two hundred messages are opened at their end, and stay where a reader scrolls to', async () => {
  const long = writtenChat({
    id: 'long',
    title: 'Long',
    modelId: 'scripted',
    messageCount: 200,
    text: (index) => `Message ${index}\n\n${'Some words of it. '.repeat(40)}\n\n\`\`\`js\nconst x = ${index};\n\`\`\``,
  });
  await drover.json('/drover/chats/import', { chats: [long] });
  await open({ path: '/chat/long' });
  try {
    await page.getByText('Message 199').waitFor();
    const scroller = page.getByRole('region', { name: 'Messages' });
    const fromEnd = (): Promise<number> =>
      scroller.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
    await page.waitForFunction(() => {
      const node = document.querySelector('.chat-scroll');
      return node !== null && node.scrollHeight - node.scrollTop - node.clientHeight < 2;
    });
    await scroller.hover();
    await page.mouse.wheel(0, -2500);
    await page.getByRole('button', { name: 'To the end' }).waitFor();
    const before = await fromEnd();
    expect(before).toBeGreaterThan(1000);
    await say('hang');
    // Who asks is at the end again.
    await page.getByText('It begins and').waitFor();
    await page.getByRole('button', { name: 'To the end' }).waitFor({ state: 'detached' });
    await scroller.hover();
    await page.mouse.wheel(0, -2500);
    await page.getByRole('button', { name: 'To the end' }).click();
    await page.waitForFunction(() => {
      const node = document.querySelector('.chat-scroll');
      return node !== null && node.scrollHeight - node.scrollTop - node.clientHeight < 2;
    });
    await page.keyboard.press('Escape');
    await page.getByText('You stopped this answer.').waitFor();
  } finally {
    await watched[Symbol.asyncDispose]();
  }
});

test('it is announced that an answer comes and has come, not what is in it', async () => {
  await open();
  try {
    await page.evaluate(`
      window.said = [];
      const place = [...document.querySelectorAll('[role=status]')].find((node) => node.classList.contains('only-read'));
      new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true, characterData: true, subtree: true });
    `);
    await ask('rich');
    await page.waitForFunction("window.said.includes('Answered.')");
    expect(await page.evaluate('window.said')).toEqual(['Answering…', 'Answered.']);
    expect(await page.locator('[aria-live] .chat-text, [role=log]').count()).toBe(0);
  } finally {
    await watched[Symbol.asyncDispose]();
  }
});

const temporaryFolderAsync = (name: string): { readonly path: string } & AsyncDisposable => {
  const own = temporaryFolder(name);
  return { path: own.path, [Symbol.asyncDispose]: async () => own[Symbol.dispose]() };
};
