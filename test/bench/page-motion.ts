// How smoothly the page moves where much is on it: a long chat and a long log are scrolled by the wheel, and an answer streams in
// faster than anybody reads. Figures are milliseconds between two frames, by the browser's own clock.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openBrowser } from '../fixtures/chromium.ts';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { writtenChat } from '../fixtures/written-chat.ts';
import { type Figure, median, percentile } from './measure.ts';

const MESSAGES = 200;
const LINES = 5000;
const LINES_PER_SECOND = 1500;
const STREAM_SECONDS = 4;
const FIXTURES = join(import.meta.dir, '../fixtures');

/** An answer as models write them: a heading, a list, a table, code. */
const ANSWER = (index: number): string =>
  [
    `## Answer ${index}`,
    'Some **words** of it, with `code` and [a link](https://example.com). '.repeat(8),
    '- one\n- two\n  - within two\n- three',
    '| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |',
    `\`\`\`typescript\nexport const value${index} = (count: number): number => count * ${index};\n\`\`\``,
  ].join('\n\n');

const BEGIN = `window.gaps = []; window.isMeasuring = true; (() => {
  let last = performance.now();
  const step = (now) => { window.gaps.push(now - last); last = now; if (window.isMeasuring) requestAnimationFrame(step); };
  requestAnimationFrame(step);
})(); undefined`;
const END = '(() => { window.isMeasuring = false; return window.gaps.slice(1); })()';

async function framesWhile(page: Page, act: () => Promise<void>): Promise<readonly number[]> {
  await page.evaluate(BEGIN);
  await act();
  return (await page.evaluate(END)) as number[];
}

/** The wheel, up and down again, a few hundred pixels at a time. */
async function wheel(page: Page): Promise<void> {
  for (const step of [-600, 600]) for (let turn = 0; turn < 60; turn += 1) await page.mouse.wheel(0, step);
}

const figure = (name: string, gaps: readonly number[], note: string): Figure => ({
  name: `page: time between two frames, p95, ${name}`,
  value: percentile(gaps, 0.95),
  unit: 'ms',
  target: 50,
  note: `${note}median ${median(gaps).toFixed(0)} ms, longest ${Math.max(...gaps).toFixed(0)} ms, ${gaps.length} frames`,
});

export async function benchMotion(): Promise<readonly Figure[]> {
  using data = temporaryFolder('motion');
  const command = (...words: readonly string[]): string =>
    JSON.stringify(`"${process.execPath}" ${words.map((word) => (word.includes('$') ? word : `"${word}"`)).join(' ')}`);
  writeFileSync(
    join(data.path, 'config.yaml'),
    [
      'models:',
      `  scripted: { cmd: ${command(join(FIXTURES, 'scripted-engine.ts'), '${PORT}')}, checkEndpoint: /health }`,
      `  talkative: { cmd: ${command(join(FIXTURES, 'talkative-server.ts'), '${PORT}', String(LINES_PER_SECOND))} }`,
      '',
    ].join('\n'),
  );
  await using drover = await startDrover({ dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
  return [await chat(drover), await log(drover), await stream(drover)];
}

async function chat(drover: RunningDrover): Promise<Figure> {
  const text = (index: number): string => (index % 2 === 0 ? `Question ${index}?` : ANSWER(index));
  const long = writtenChat({ id: 'long', title: 'Long', modelId: 'scripted', messageCount: MESSAGES, text });
  await drover.json('/drover/chats/import', { chats: [long] });
  await using browser = await openBrowser({ origin: drover.url });
  const page = await browser.context.newPage();
  await page.goto(`${drover.url}/ui/chat/long`);
  await page.getByText(`Answer ${MESSAGES - 1}`).waitFor();
  await page.getByRole('region', { name: 'Messages' }).hover();
  const gaps = await framesWhile(page, () => wheel(page));
  return figure(`while ${MESSAGES} messages are scrolled`, gaps, '');
}

async function log(drover: RunningDrover): Promise<Figure> {
  await using browser = await openBrowser({ origin: drover.url });
  const page = await browser.context.newPage();
  await drover.json('/drover/models/load', { model: 'talkative' });
  await page.goto(`${drover.url}/ui/instances/talkative`);
  await page.getByText(/([5-9]|\d\d),\d{3} lines/).waitFor();
  await page.getByRole('region', { name: 'Lines of the log' }).hover();
  const gaps = await framesWhile(page, () => wheel(page));
  return figure(`while ${LINES} lines of a log are scrolled and ${LINES_PER_SECOND} a second come`, gaps, '');
}

async function stream(drover: RunningDrover): Promise<Figure> {
  await using browser = await openBrowser({ origin: drover.url });
  const page = await browser.context.newPage();
  await page.goto(`${drover.url}/ui/chat?model=scripted`);
  const composer = page.getByRole('textbox', { name: 'Your message' });
  await composer.fill(`fast ${STREAM_SECONDS}`);
  const begun = performance.now();
  const gaps = await framesWhile(page, async () => {
    await composer.press('Enter');
    await page.getByRole('button', { name: 'Answer again' }).waitFor({ timeout: 60_000 });
  });
  const seconds = (performance.now() - begun) / 1000;
  const words = (await page.locator('.chat-answer .chat-text').last().textContent())?.match(/word\d+/g)?.length ?? 0;
  const perSecond = `${(words / seconds).toFixed(0)} tokens/s shown; `;
  return figure(`while an answer of ${STREAM_SECONDS * 4000} tokens streams in`, gaps, perSecond);
}
