// The page in a real browser over loopback: how soon it is painted and usable when nothing is cached, and what each of its
// pages weighs on the wire.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser } from '../fixtures/chromium.ts';
import { startDrover, temporaryFolder } from '../fixtures/drover.ts';
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

/** When the page's heading was there: the page, not its first paint. */
const NOTE_HEADING = `new MutationObserver((_, observer) => {
  if (document.querySelector('h1') === null) return;
  window.headingAt = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true })`;

export async function benchPage(): Promise<readonly Figure[]> {
  using models = temporaryFolder('page-bench');
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  await using drover = await startDrover({ modelsFolders: [models.path] });
  await drover.waitForLine(/engine ready/);
  const load = async (place: string): Promise<Loaded> => {
    // Windows of its own each time: nothing is cached, not even code.
    await using browser = await openBrowser({ origin: drover.url });
    const page = await browser.context.newPage();
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
      name: 'page: scripts of the heaviest page, compressed',
      value: heaviest?.kilobytes ?? Number.NaN,
      unit: 'KB',
      target: 350,
      note: each,
    },
  ];
}
