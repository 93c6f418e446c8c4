// The API documents in a real browser over loopback: how soon all tags are there, and how soon an operation is open, beside
// Swagger UI as its package has it, which resolves references by itself.
import type { Page } from 'playwright-core';
import { openBrowser } from '../fixtures/chromium.ts';
import { type RunningDrover, startDrover } from '../fixtures/drover.ts';
import { type Figure, median } from './measure.ts';

const ROUNDS = 3;
const OPERATIONS = ['postV1ChatCompletions', 'postV1Embeddings', 'postV1Messages', 'postV1Responses'];

interface Seen {
  readonly tagsMs: number;
  readonly openedMs: readonly number[];
}

/** Windows of its own each time: nothing is cached, not even code. */
async function look(drover: RunningDrover, isPlain: boolean): Promise<Seen> {
  await using browser = await openBrowser({ origin: drover.url });
  const page = await browser.context.newPage();
  if (isPlain) await leaveResolverOut(page);
  await page.goto(`${drover.url}/health`);
  const startedAt = performance.now();
  await page.goto(`${drover.url}/docs`, { waitUntil: 'commit' });
  await page.locator('.opblock-tag').first().waitFor();
  const tagsMs = performance.now() - startedAt;
  await page.locator('.opblock-tag[data-tag="OpenAI"]').click();
  const openedMs: number[] = [];
  for (const id of OPERATIONS) {
    const block = page.locator(`#operations-OpenAI-${id}`);
    await block.locator('.opblock-summary-control').scrollIntoViewIfNeeded();
    const clickedAt = performance.now();
    await block.locator('.opblock-summary-control').click();
    await block.locator('.responses-wrapper').first().waitFor();
    openedMs.push(performance.now() - clickedAt);
    await block.locator('.opblock-summary-control').click();
  }
  return { tagsMs, openedMs };
}

const leaveResolverOut = (page: Page): Promise<unknown> =>
  page.route('**/docs/docs-resolver.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: 'export const resolver = () => ({});' }),
  );

export async function benchDocsPage(): Promise<readonly Figure[]> {
  await using drover = await startDrover();
  await drover.waitForLine(/engine ready/);
  const ours: Seen[] = [];
  const plain: Seen[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await look(drover, false));
    plain.push(await look(drover, true));
  }
  const figure = (name: string, of: (seen: Seen) => readonly number[], target: number): Figure => ({
    name: `API documents: ${name}`,
    value: median(ours.flatMap(of)),
    unit: 'ms',
    target,
    note: `with Swagger UI’s own resolver ${median(plain.flatMap(of)).toFixed(0)} ms`,
  });
  return [
    figure('all tags are there, nothing cached, median of 3', ({ tagsMs }) => [tagsMs], 4000),
    figure('an operation is open, median of 12', ({ openedMs }) => openedMs, 1000),
  ];
}
