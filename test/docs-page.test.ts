// The page of the API documents in a real browser, against the compiled executable and the real engine, with all of the
// network blocked but the server: what a person sees, tries out, and is asked for.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { speak } from './fixtures/audio-server.ts';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { type Watched, watch } from './fixtures/page.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const AUDIO_PROGRAM = join(import.meta.dir, 'fixtures', 'audio-server.ts');
/** Pictures are kept where this names a folder. */
const kept = process.env.DROVER_TEST_SCREENSHOTS;
const pictures = kept ?? mkdtempSync(join(tmpdir(), 'drover-pictures-'));
const models = temporaryFolder('docs-page-models');
const data = temporaryFolder('docs-page-data');

let drover: RunningDrover;
beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  const cmd = JSON.stringify(`"${process.execPath}" "${AUDIO_PROGRAM}" \${PORT}`);
  writeFileSync(
    join(data.path, 'config.yaml'),
    `models:\n  tts-tones: { cmd: ${cmd} }\n  whisper-tones: { cmd: ${cmd} }\n`,
  );
  drover = await startDrover({ modelsFolders: [models.path], dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  data[Symbol.dispose]();
  models[Symbol.dispose]();
  if (kept === undefined) rmSync(pictures, { recursive: true, force: true });
});

/** Opens the page and waits until all tags are there. */
async function open(page: Page, server: RunningDrover, hash = ''): Promise<void> {
  await page.goto(`${server.url}/docs${hash}`);
  await page.locator('.opblock-tag').first().waitFor();
}

const operation = (page: Page, tag: string, id: string): Locator => page.locator(`#operations-${tag}-${id}`);

/** Presses "Execute" and waits for what the server said: the status, and the body as text. */
async function execute(block: Locator): Promise<{ readonly status: string; readonly body: string }> {
  await block.locator('button.execute').click();
  const answer = block.locator('.live-responses-table .response').first();
  await answer.waitFor();
  return {
    status: (await answer.locator('.response-col_status').textContent())?.trim() ?? '',
    body: (await answer.locator('.response-col_description').textContent()) ?? '',
  };
}

describe('on a server without a key', () => {
  let watched: Watched;
  beforeAll(async () => {
    watched = await watch(drover);
  });
  afterAll(() => watched[Symbol.asyncDispose]());

  test('shows every tag, and asks for nothing but what is here', async () => {
    const { page, requests } = watched;
    await open(page, drover);
    const { tags } = await drover.json<{ tags: { name: string }[] }>('/docs/json');
    const shown = await page
      .locator('.opblock-tag')
      .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-tag')));
    expect(shown).toEqual(tags.map((tag) => tag.name));
    expect(shown.length).toBeGreaterThan(3);
    expect(await page.title()).toBe('Drover: API documents');
    expect(await page.locator('.opblock').count()).toBe(0);
    expect(requests.map((request) => new URL(request.url()).origin)).toEqual(requests.map(() => drover.url));
    expect(await page.locator('#key-form').isVisible()).toBe(false);
  });

  test('references are resolved as Swagger UI itself would, the whole document through', async () => {
    const { page } = watched;
    const differing = await page.evaluate(`(async () => {
      const { resolvedPart } = await import('/docs/docs-resolver.js');
      const spec = await (await fetch('/docs/json')).json();
      const { fn } = SwaggerUIBundle({ spec, domNode: document.createElement('div') }).getSystem();
      const theirs = await fn.resolveSubtree(spec, [], { baseDoc: location.href });
      const ours = resolvedPart(spec, [], location.href);
      const differing = theirs.errors.map(String);
      const compare = (one, other, path) => {
        const keys = [one, other].flatMap((each) => (typeof each === 'object' && each !== null ? Object.keys(each) : []));
        if (keys.length === 0) {
          if (JSON.stringify(one) !== JSON.stringify(other)) differing.push(path);
          return;
        }
        // What the document says of all operations it repeats for each, and notes for itself that it did.
        const wanted = keys.filter((key) => key !== 'security' && key !== 'x-normalized');
        for (const key of new Set(wanted)) compare(one?.[key], other?.[key], path + '/' + key);
      };
      compare(theirs.spec, ours, '');
      return [Object.keys(ours.paths).length, JSON.stringify(ours).includes('"$ref"'), differing];
    })()`);
    const { paths } = await drover.json<{ paths: object }>('/docs/json');
    expect(differing).toEqual([Object.keys(paths).length, false, []]);
  });

  test('a chat, tried out, is answered by the real engine', async () => {
    const { page } = watched;
    await open(page, drover);
    await page.locator('.opblock-tag[data-tag="OpenAI"]').click();
    const chat = operation(page, 'OpenAI', 'postV1ChatCompletions');
    await chat.locator('.opblock-summary-control').click();
    const { status, body } = await execute(chat);
    expect(status).toBe('200');
    expect(body).toContain('"object": "chat.completion"');
    expect(body).toContain('"predicted_per_second"');
    const { instances } = await drover.json<{ instances: { modelId: string; state: string }[] }>('/drover/instances');
    expect(instances).toMatchObject([{ modelId: 'talker-f32', state: 'ready' }]);
  });

  test('a stream is shown as text, whole', async () => {
    const chat = operation(watched.page, 'OpenAI', 'postV1ChatCompletions');
    await chat.locator('.examples-select-element').first().selectOption({ label: 'A stream' });
    await chat.locator('.btn-clear').click();
    const { status, body } = await execute(chat);
    expect(status).toBe('200');
    expect(body).toContain('data: {"choices"');
    expect(body).toContain('data: [DONE]');
  });

  test('a link to an operation opens it; a stream without an end is shown in part', async () => {
    const { page } = watched;
    await page.goto('about:blank');
    await open(page, drover, '#/Drover/getDroverEvents');
    const { status, body } = await execute(operation(page, 'Drover', 'getDroverEvents'));
    expect(status).toBe('200');
    expect(body).toContain(': drover');
    expect(body).toContain(': only the first 5 seconds are shown here');
  });

  test('the filter finds paths and summaries, and opens the tags that hold them', async () => {
    const { page } = watched;
    await page.goto('about:blank');
    await open(page, drover);
    const shown = (): Promise<(string | null)[]> =>
      page.locator('.opblock-summary-path').evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-path')));
    const box = page.locator('.operation-filter-input');
    await box.fill('RERANK');
    await page.locator('.opblock').first().waitFor();
    expect(await shown()).toEqual(['/v1/rerank', '/v1/reranking', '/rerank', '/reranking']);
    await box.fill('what each load');
    await page.locator('[data-path="/drover/verdicts"]').waitFor();
    expect(await shown()).toEqual(['/drover/verdicts']);
    await box.fill('');
    await page.locator('.opblock').first().waitFor({ state: 'detached' });
    expect(await page.locator('.opblock-tag').count()).toBeGreaterThan(3);
  });

  test('speech is played, and a recording can be sent', async () => {
    const { page } = watched;
    await page.goto('about:blank');
    await open(page, drover, '#/OpenAI/postV1AudioSpeech');
    const speech = operation(page, 'OpenAI', 'postV1AudioSpeech');
    expect((await execute(speech)).status).toBe('200');
    await speech.locator('audio').waitFor();
    await page.waitForFunction("document.querySelector('audio').duration > 0.2");
    await page.goto('about:blank');
    await open(page, drover, '#/OpenAI/postV1AudioTranscriptions');
    const hearing = operation(page, 'OpenAI', 'postV1AudioTranscriptions');
    await hearing
      .locator('input[type="file"]')
      .setInputFiles({ name: 'day.wav', mimeType: 'audio/wav', buffer: Buffer.from(speak('good day')) });
    const { status, body } = await execute(hearing);
    expect(status).toBe('200');
    expect(body).toContain('"text": "good day"');
  });

  test('schemas unfold, and the dialog for keys opens and closes', async () => {
    const { page } = watched;
    await page.goto('about:blank');
    await open(page, drover, '#/Drover/getDroverInstances');
    const block = operation(page, 'Drover', 'getDroverInstances');
    await block.locator('.tabitem', { hasText: 'Schema' }).first().click();
    await block.locator('.json-schema-2020-12').first().waitFor();
    await page.locator('button.authorize').first().click();
    await page.locator('.dialog-ux .auth-container').first().waitFor();
    expect(await page.locator('.dialog-ux .auth-container').count()).toBe(3);
    await page.locator('.dialog-ux .close-modal').click();
    await page.locator('.dialog-ux').waitFor({ state: 'detached' });
    await page.locator('.models button, .models-control').first().click();
    await page.getByText('ChatCompletion', { exact: true }).first().waitFor();
  });

  test('follows the system’s colours, and is as wide as a telephone where there is no more', async () => {
    const { page } = watched;
    await page.goto('about:blank');
    await open(page, drover, '#/Drover/getDroverFit');
    const fit = operation(page, 'Drover', 'getDroverFit');
    expect((await execute(fit)).status).toBe('200');
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 900 });
        await page.screenshot({ path: join(pictures, `fit-${colorScheme}-${width}.png`), fullPage: true });
        const look = await page.evaluate(
          '[document.documentElement.scrollWidth, document.documentElement.className, getComputedStyle(document.body).backgroundColor]',
        );
        expect(look).toEqual(
          colorScheme === 'dark' ? [width, 'dark-mode', 'rgb(28, 32, 34)'] : [width, '', 'rgb(250, 250, 250)'],
        );
      }
    }
  });

  test('and nothing of it made the browser complain', () => {
    // The one stream without an end was cut by the page itself.
    expect(watched.complaints).toEqual([`failed: ${drover.url}/drover/events?lines=true`]);
    expect(watched.browser.strays).toEqual([]);
  });
});

describe('on a server that needs a key', () => {
  let locked: RunningDrover;
  let key = '';
  beforeAll(async () => {
    const environment = { DROVER_REQUIRE_API_KEY: 'true' };
    locked = await startDrover({ modelsFolders: [models.path], environment });
    await locked.waitForLine(/engine ready/);
    key = /shown only now:\s+(\S+)/.exec(locked.log())?.[1] ?? '';
  });
  afterAll(() => locked[Symbol.asyncDispose]());

  test('asks for it, tells a wrong one, and sends the right one with what is tried out', async () => {
    expect(key).not.toBe('');
    await using watched = await watch(locked, { width: 360 });
    const { page, requests, complaints } = watched;
    await page.goto(`${locked.url}/docs`);
    const form = page.locator('#key-form');
    await form.waitFor();
    await page.screenshot({ path: join(pictures, 'key-light-360.png') });
    const message = page.locator('#message');
    await form.locator('input').fill(`${key}x`);
    await form.locator('button').click();
    await page.locator('#message', { hasText: 'This key is not accepted.' }).waitFor();
    expect(await page.locator('.opblock-tag').count()).toBe(0);
    await form.locator('input').fill(key);
    await form.locator('button').click();
    await page.locator('.opblock-tag').first().waitFor();
    expect([await form.isVisible(), await message.isVisible()]).toEqual([false, false]);

    await page.locator('.opblock-tag[data-tag="OpenAI"]').click();
    const chat = operation(page, 'OpenAI', 'postV1ChatCompletions');
    await chat.locator('.opblock-summary-control').click();
    const { status, body } = await execute(chat);
    expect([status, body.includes('"object": "chat.completion"')]).toEqual(['200', true]);
    const sent = requests.find((request) => request.method() === 'POST');
    expect(await sent?.headerValue('authorization')).toBe(`Bearer ${key}`);
    expect(requests.filter((request) => request.url().includes(key))).toEqual([]);

    // The tab keeps it, and nothing else does.
    expect(await page.evaluate('[Object.values(sessionStorage), localStorage.length, document.cookie]')).toEqual([
      [key],
      0,
      '',
    ]);
    await page.reload();
    await page.locator('.opblock-tag').first().waitFor();
    const download = page.waitForEvent('download');
    await page.locator('#document-link').click();
    const saved = await (await download).path();
    expect(((await Bun.file(saved).json()) as { openapi: string }).openapi).toBe('3.1.0');
    await page.locator('#forget-key').click();
    await form.waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);

    // The browser itself notes each 401 that the page asked for.
    expect(complaints.filter((line) => !/status of 401/.test(line))).toEqual([]);
    expect(watched.browser.strays).toEqual([]);
  });
});
