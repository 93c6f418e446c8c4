// Home and the first visit in a real browser, against the compiled executable with a real engine: from an empty machine to
// a chat, and what Home tells of models as they come, go and fail.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { openPage, type WatchedPage } from '../fixtures/page.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const LONG = 'a model with a very long name indeed that nobody would ever type by hand';

describe('with models', () => {
  const models = temporaryFolder('home-models');
  const data = temporaryFolder('home-data');
  let drover: RunningDrover;
  beforeAll(async () => {
    writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
    writeFileSync(join(models.path, `${LONG.replaceAll(' ', '-')}.gguf`), tinyLlama({ name: LONG, blockCount: 6 }));
    writeFileSync(join(models.path, 'broken.gguf'), 'no model');
    const config = `models:
  doomed:
    cmd: /bin/sh -c "echo out of luck >&2; exit 3"
    proxy: http://127.0.0.1:1
`;
    writeFileSync(join(data.path, 'config.yaml'), config);
    drover = await startDrover({ dataFolder: data.path, modelsFolders: [models.path] });
    await drover.waitForLine(/engine ready/);
  });
  afterAll(async () => {
    await drover?.[Symbol.asyncDispose]();
    models[Symbol.dispose]();
    data[Symbol.dispose]();
  });
  const idOf = async (word: string): Promise<string> =>
    (await drover.json<{ models: { id: string }[] }>('/drover/models')).models.find(({ id }) => id.includes(word))
      ?.id ?? '';

  test('it stays Home, says how things are, and shows live what is loaded and what holds the memory', async () => {
    const [talker, other] = [await idOf('talker'), await idOf('very')];
    await using watched = await openPage(drover);
    const { page } = watched;
    await page.getByText(/Nothing is loaded; \d models to choose from/).waitFor();
    expect(new URL(page.url()).pathname).toBe('/ui/');
    await page
      .getByText(/in use · processor|GiB in use/)
      .first()
      .waitFor();

    await page.getByRole('button', { name: `Load ${talker}` }).click();
    const memory = page.getByRole('region', { name: 'Main memory' });
    await memory.getByText(talker).waitFor();
    await page.getByText(/1 model loaded, [\d.]+ [KMG]iB of [\d.]+ GiB in use/).waitFor();
    await page.getByText('As planned').first().waitFor();

    // Another program loads one, and a third is asked for: no reload, no press.
    await drover.json('/drover/models/load', { model: other });
    await memory.getByText(other).waitFor();
    await page.getByText(/2 models loaded/).waitFor();
    await drover.json('/v1/completions', { model: talker, prompt: 'the water', max_tokens: 20 });
    await page.getByRole('row', { name: new RegExp(`${talker}.*out.*tokens/s`) }).waitFor();
    await watched.picture('home-1280-light');

    await page.getByRole('button', { name: `Keep ${talker} loaded` }).click();
    await page.getByText('Pinned').waitFor();
    await page.getByRole('button', { name: new RegExp(`^Let ${talker} go`) }).click();
    await page.getByRole('button', { name: `Stop ${talker}` }).click();
    await memory.getByText(talker).waitFor({ state: 'detached' });
    await drover.json('/drover/models/stop', { all: true });
    await page.getByText(/Nothing is loaded/).waitFor();
    expect(watched.complaints).toEqual([]);
  });

  test('a load that fails says why, and what to do', async () => {
    await using watched = await openPage(drover);
    const { page } = watched;
    await page.getByText(/Nothing is loaded/).waitFor();
    expect(
      (
        await drover.request('/drover/models/load', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'doomed' }),
        })
      ).ok,
    ).toBe(false);
    const failed = page.getByRole('alert').filter({ hasText: /exit|ended|code 3/i });
    await failed.waitFor();
    await page.getByText('1 model could not be loaded.').waitFor();
    await failed.getByRole('button', { name: 'Load doomed' }).waitFor();
    await failed.getByRole('link', { name: 'Show its log' }).waitFor();
    await watched.picture('home-failed-1280-light');
    await drover.json('/drover/models/stop', { model: 'doomed' });
  });

  test('health names what is wrong with its way out, and folds what is fine', async () => {
    await using watched = await openPage(drover);
    const { page } = watched;
    const health = page.getByRole('region', { name: 'Health' });
    await health.getByText(/broken: Not a usable GGUF file/).waitFor();
    expect(await health.getByRole('link', { name: 'Look at the model' }).getAttribute('href')).toContain('/ui/models/');
    expect(await health.getByText('usable models', { exact: false }).isVisible()).toBe(false);
    await health.getByText(/checks are fine/).click();
    await health.getByText('usable models', { exact: false }).waitFor();
  });

  /** What a killed installation of an engine leaves: a note with a safe way out. */
  const leaveUnpacking = (): string => {
    const left = join(drover.dataFolder, 'engines', '.build.0123456789ab.unpacking');
    mkdirSync(left, { recursive: true });
    const long = new Date(Date.now() - 2 * 3_600_000);
    utimesSync(left, long, long);
    return left;
  };

  test('health shows what was seen, and mends what is safe on a click', async () => {
    const left = leaveUnpacking();
    await using watched = await openPage(drover);
    const { page } = watched;
    const health = page.getByRole('region', { name: 'Health' });
    const broken = health.locator('.notice').filter({ hasText: 'broken: Not a usable GGUF file' });
    await broken.getByText('What was seen').click();
    await broken.getByText('broken.gguf', { exact: false }).last().waitFor();
    await watched.picture('home-evidence-1280-light');
    await health.getByText(/\d+ notes?/).click();
    await health.getByText('in the data folder will never be finished.', { exact: false }).waitFor();
    await health.getByRole('button', { name: 'Mend what is safe' }).click();
    await page.getByText('1 thing mended').waitFor();
    await health.getByText('will never be finished', { exact: false }).waitFor({ state: 'detached' });
    expect(existsSync(left)).toBe(false);
    expect(await health.getByRole('button', { name: 'Mend what is safe' }).count()).toBe(0);
    expect(watched.complaints).toEqual([]);
  });

  test('what was mended is told when another look has taken the button away meanwhile', async () => {
    leaveUnpacking();
    await using watched = await openPage(drover, { path: null });
    const { page } = watched;
    const mended = Promise.withResolvers<void>();
    const tell = Promise.withResolvers<void>();
    await page.route('**/drover/doctor/fix', async (route) => {
      const response = await route.fetch();
      mended.resolve();
      await tell.promise;
      await route.fulfill({ response });
    });
    await watched.visit('/');
    const health = page.getByRole('region', { name: 'Health' });
    const mend = health.getByRole('button', { name: 'Mend what is safe' });
    await mend.click();
    await mended.promise;
    await health.getByRole('button', { name: 'Check again' }).click();
    await mend.waitFor({ state: 'detached' });
    expect(await page.getByText('1 thing mended').count()).toBe(0);
    tell.resolve();
    await page.getByText('1 thing mended').waitFor();
  });

  test('a look that began before the mending does not bring back what was mended', async () => {
    leaveUnpacking();
    await using watched = await openPage(drover, { path: null });
    const { page } = watched;
    const seen = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    let looks = 0;
    let isMended = false;
    // The second comes of itself, once the page hears of what happens.
    await page.route('**/drover/doctor', async (route) => {
      looks += 1;
      if (looks === 1 || isMended) return route.continue();
      const response = await route.fetch();
      seen.resolve();
      await told.promise;
      // Given up by then.
      await route.fulfill({ response }).catch(() => undefined);
    });
    await watched.visit('/');
    const mend = page.getByRole('button', { name: 'Mend what is safe' });
    await seen.promise;
    isMended = true;
    const anew = page.waitForResponse((response) => response.url().endsWith('/drover/doctor'));
    await mend.click();
    await page.getByText('1 thing mended').waitFor();
    await mend.waitFor({ state: 'detached' });
    told.resolve();
    await (await anew).finished();
    expect(await mend.count()).toBe(0);
  });

  test('figures come only while somebody looks', async () => {
    await using watched = await openPage(drover, { path: null });
    const { page } = watched;
    const streams: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/drover/events')) streams.push(request.url());
    });
    await watched.visit('/models');
    await page.getByText('Connected').waitFor();
    expect(streams.filter((url) => url.includes('samples'))).toEqual([]);
    await page.getByRole('link', { name: 'Home' }).click();
    await page.waitForRequest(/drover\/events\?.*samples=/);
    await page
      .getByText(/GiB in use/)
      .first()
      .waitFor();
    expect(watched.complaints).toEqual([]);
  });

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test.each([360, 1280, 1920])('%d wide nothing sticks out, and axe finds nothing serious', async (width) => {
      const ids = [await idOf('talker'), await idOf('very')];
      for (const model of ids) await drover.json('/drover/models/load', { model });
      await drover.json('/v1/completions', { model: ids[1], prompt: 'the water', max_tokens: 20 });
      await using watched = await openPage(drover, { colorScheme, width, height: 900 });
      const { page } = watched;
      await page.getByText(/2 models loaded/).waitFor();
      await page.getByText(/broken: Not a usable/).waitFor();
      await page
        .getByText(/GiB in use/)
        .first()
        .waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await watched.axe()).toEqual([]);
      await watched.picture(`home-${width}-${colorScheme}`);
      await watched.visit('/setup');
      await page.getByRole('link', { name: 'Start chatting' }).waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await watched.axe()).toEqual([]);
      await watched.picture(`setup-${width}-${colorScheme}`);
      await drover.json('/drover/models/stop', { all: true });
    });
  });
});

describe('a first visit', () => {
  const models = temporaryFolder('home-found');
  let hub: FakeHub;
  beforeAll(async () => {
    writeFileSync(join(models.path, 'found.gguf'), tinyLlama({ name: 'Found' }));
    const files = [{ path: 'Qwen3-0.6B-Q4_K_M.gguf', content: tinyLlama({ name: 'Qwen tiny', blockCount: 60 }) }];
    hub = await startHub({ repositories: [{ id: 'unsloth/Qwen3-0.6B-GGUF', files }] });
  });
  afterAll(async () => {
    models[Symbol.dispose]();
    await hub[Symbol.asyncDispose]();
  });
  const start = async (): Promise<RunningDrover & { readonly folder: { [Symbol.dispose](): void } }> => {
    const folder = temporaryFolder('home-empty');
    writeFileSync(join(folder.path, 'config.yaml'), 'ram: 1\nvram: 1\n');
    const drover = await startDrover({
      dataFolder: folder.path,
      environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
    });
    await drover.waitForLine(/engine ready/);
    return { ...drover, folder };
  };
  const setUp = async (drover: RunningDrover): Promise<WatchedPage> => {
    const watched = await openPage(drover);
    await watched.page.waitForURL('**/ui/setup');
    await watched.page.getByRole('heading', { name: 'Set up this machine' }).waitFor();
    return watched;
  };

  test('by keyboard: a folder that is not there, one that is, and a chat with what was found', async () => {
    const drover = await start();
    try {
      await using watched = await setUp(drover);
      const { page } = watched;
      await page.getByText('As soon as there is a model.').waitFor();
      const field = page.getByRole('textbox', { name: 'Folder with GGUF files' });
      await field.focus();
      await page.keyboard.type(join(models.path, 'no'));
      await page.keyboard.press('Enter');
      await page.getByText(/Folder does not exist/).waitFor();
      await field.fill(models.path);
      await page.keyboard.press('Enter');
      await page.getByText('One model was found there.').waitFor();
      await page.getByRole('radio', { name: /found/ }).waitFor();
      const go = page.getByRole('link', { name: 'Start chatting' });
      await go.focus();
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/ui\/chat.*model=found/);
      // It is set up: Home is Home.
      await watched.visit('/');
      await page.getByText(/1 model to choose from|1 model loaded|Loading/).waitFor();
      expect(new URL(page.url()).pathname).toBe('/ui/');
      expect(watched.complaints).toEqual([]);
    } finally {
      await drover[Symbol.asyncDispose]();
      drover.folder[Symbol.dispose]();
    }
  });

  test('a recommended one is downloaded, paused, found again after a reload, and ends in a chat', async () => {
    const drover = await start();
    try {
      await using watched = await setUp(drover);
      const { page } = watched;
      hub.misbehave({ matches: ({ host, range }) => host === 'cdn' && range === null, stallAfterBytes: 2_000_000 });
      const stalled = hub.nextStall();
      await page.getByRole('button', { name: 'Download Qwen3 0.6B' }).click();
      await stalled;
      const bar = page.getByRole('progressbar', { name: /Download of/ });
      await bar.waitFor();
      await watched.picture('setup-downloading-1280-light');
      await page.getByRole('button', { name: /^Pause / }).click();
      await page.getByText(/^Paused/).waitFor();
      await page.reload();
      await page.getByText(/^Paused/).waitFor();
      hub.relent();
      await page.getByRole('button', { name: /^Go on with / }).click();
      await bar.waitFor({ state: 'detached' });
      const go = page.getByRole('link', { name: 'Start chatting' });
      await go.waitFor();
      await go.click();
      await page.waitForURL(/\/ui\/chat.*model=qwen/);
      expect(watched.complaints).toEqual([]);
    } finally {
      hub.relent();
      await drover[Symbol.asyncDispose]();
      drover.folder[Symbol.dispose]();
    }
  });

  test('without an engine it says why and what to do, tries again, and can be left for later', async () => {
    await using drover = await startDrover({ engine: null, args: ['--offline'] });
    await using watched = await setUp(drover);
    const { page } = watched;
    const failure = page.getByRole('alert').filter({ hasText: /No engine is installed/ });
    await failure.getByText(/drover engine install/).waitFor();
    await watched.picture('setup-no-engine-1280-light');
    const asked = page.waitForResponse((answer) => answer.url().endsWith('/drover/setup/engine'));
    await failure.getByRole('button', { name: 'Try again' }).click();
    expect((await asked).status()).toBe(200);
    await failure.waitFor();
    expect(await watched.axe()).toEqual([]);
    await page.getByRole('button', { name: 'Later' }).click();
    await page.waitForURL('**/ui/');
    await page.getByText('This machine is not set up yet').waitFor();
    await page
      .getByText(/There is no engine/)
      .first()
      .waitFor();
    expect(await watched.axe()).toEqual([]);
    await page.getByRole('link', { name: 'Set up', exact: true }).click();
    await page.waitForURL('**/ui/setup');
  });
});
