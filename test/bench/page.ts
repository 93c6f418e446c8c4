// The page in a real browser over loopback: how soon it is painted and usable when nothing is cached, and what each of its
// pages weighs on the wire.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from '../fixtures/chromium.ts';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type Figure, median, percentile } from './measure.ts';

const LOADS = 15;
const PLACES = ['', 'chat', 'models', 'get', 'instances', 'bench', 'api', 'settings'];

interface Loaded {
  readonly paintMs: number;
  readonly usableMs: number;
  readonly scriptBytes: number;
}

/** In the browser: encoded bytes of scripts; the first paint by the browser's own account. */
const LOOK = `(() => {
  const resources = performance.getEntriesByType('resource');
  return {
    paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    scriptBytes: resources.filter(({ name }) => name.endsWith('.js')).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  };
})()`;

/** For a second: milliseconds between frames, while an answer streams in. */
const FRAMES = `new Promise((resolve) => {
  const gaps = [];
  const begun = performance.now();
  let last = begun;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    if (now - begun < 1000) requestAnimationFrame(step);
    else resolve(gaps);
  };
  requestAnimationFrame(step);
})`;

interface Streamed {
  readonly gaps: readonly number[];
  readonly tokensPerSecond: number;
}

/** An answer of a tiny model, which comes as quick as the engine can, and how the page keeps moving meanwhile. */
async function streamed(drover: RunningDrover): Promise<Streamed> {
  await using browser = await openBrowser({ origin: drover.url });
  const page = browser.context.pages()[0] ?? (await browser.context.newPage());
  await page.goto(`${drover.url}/ui/chat?model=talker-f32`);
  await page.getByRole('textbox', { name: 'Your message' }).fill('Go on');
  await page.getByRole('textbox', { name: 'Your message' }).press('Enter');
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  const gaps = (await page.evaluate(FRAMES)) as number[];
  await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached', timeout: 60_000 });
  const { models } = await drover.json<{ models: { lastTokensPerSecond: number }[] }>('/drover/usage');
  return { gaps, tokensPerSecond: models[0]?.lastTokensPerSecond ?? Number.NaN };
}

/** When the page's heading was there: the page, not its first paint. */
const NOTE_HEADING = `new MutationObserver((_, observer) => {
  if (document.querySelector('h1') === null) return;
  window.headingAt = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true })`;

export async function benchPage(): Promise<readonly Figure[]> {
  using models = temporaryFolder('page-bench');
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  await using drover = await startDrover({ modelsFolders: [models.path], oneThread: ['talker-f32'] });
  await drover.waitForLine(/engine ready/);
  const load = async (place: string): Promise<Loaded> => {
    // A browser of its own each time: nothing is cached, not even code.
    await using browser = await openBrowser({ origin: drover.url });
    const page = browser.context.pages()[0] ?? (await browser.context.newPage());
    await page.addInitScript(NOTE_HEADING);
    await page.goto(`${drover.url}/health`);
    await page.goto(`${drover.url}/ui/${place}`, { waitUntil: 'commit' });
    await page.locator('h1').first().waitFor();
    const usableMs = (await page.evaluate('window.headingAt')) as number;
    await page.waitForFunction("performance.getEntriesByName('first-contentful-paint').length > 0");
    const { paintMs, scriptBytes } = (await page.evaluate(LOOK)) as { paintMs: number; scriptBytes: number };
    return { paintMs, usableMs, scriptBytes };
  };
  const homes: Loaded[] = [];
  for (let round = 0; round < LOADS; round += 1) homes.push(await load(''));
  const weights: { readonly place: string; readonly kilobytes: number }[] = [];
  for (const place of PLACES) weights.push({ place, kilobytes: (await load(place)).scriptBytes / 1024 });
  await drover.json('/drover/models/load', { model: 'talker-f32' });
  const stream = await streamed(drover);
  const heaviest = [...weights].sort((left, right) => right.kilobytes - left.kilobytes)[0];
  const each = weights
    .map(({ place, kilobytes }) => `${place === '' ? 'home' : place} ${kilobytes.toFixed(0)}`)
    .join(', ');
  return [
    {
      name: 'page: first paint with content, nothing cached, median of 15',
      value: median(homes.map(({ paintMs }) => paintMs)),
      unit: 'ms',
      target: 300,
      note: `p90 ${percentile(
        homes.map(({ paintMs }) => paintMs),
        0.9,
      ).toFixed(0)} ms; usable after ${median(homes.map(({ usableMs }) => usableMs)).toFixed(0)} ms`,
    },
    {
      name: 'page: longest time between two frames in a second of a streaming answer',
      value: Math.max(...stream.gaps),
      unit: 'ms',
      target: 100,
      note: `${stream.tokensPerSecond.toFixed(0)} tokens/s; median ${median(stream.gaps).toFixed(0)} ms, p95 ${percentile(stream.gaps, 0.95).toFixed(0)} ms`,
    },
    {
      name: 'page: scripts of the heaviest page, compressed',
      value: heaviest?.kilobytes ?? Number.NaN,
      unit: 'KB',
      target: 350,
      note: each,
    },
  ];
}
