// Markdown in blocks: however an answer grows, it ends as it would have been read whole; and links lead nowhere odd.
import { expect, test } from 'bun:test';
import { type Cut, cut, languageOf, NOTHING, safeAddress, unescaped } from '../../../src/ui/pages/chat/blocks.ts';

const RICH = `# Title

A paragraph with **bold**
and a second line.

1. one
2. two

   still two

- a
- b

  c

> quoted
> more

| a | b |
|---|---|
| 1 | 2 |

\`\`\`ts
const x = 1;

const y = 2;
\`\`\`

1. again

2) other

***

    indented

<div>raw

text</div>

Last words
`;

const raws = ({ blocks }: Cut): string[] => blocks.map(({ raw }) => raw);

test('an answer that comes letter by letter ends as one that came whole', () => {
  let growing = NOTHING;
  for (let length = 1; length <= RICH.length; length += 1) growing = cut(RICH.slice(0, length), growing);
  const whole = cut(RICH, NOTHING, true);
  expect(raws(cut(RICH, growing, true))).toEqual(raws(whole));
  expect(raws(growing)).toEqual(raws(whole));
  expect(raws(growing).join('')).toBe(RICH);
});

test('blocks that are settled are the very same from frame to frame', () => {
  const before = cut(RICH.slice(0, 200));
  const after = cut(RICH.slice(0, 300), before);
  const settled = before.blocks.filter(({ isSettled }) => isSettled);
  expect(settled.length).toBeGreaterThan(3);
  for (const [index, block] of settled.entries()) expect(after.blocks[index]).toBe(block);
  expect(after.settledLength).toBeGreaterThanOrEqual(before.settledLength);
});

test('a text that does not go on is read anew', () => {
  const before = cut(RICH);
  expect(raws(cut('Something else', before))).toEqual(['Something else']);
});

test('reading on costs what is new, not what is there', () => {
  const long = `${'A paragraph of some words.\n\n'.repeat(2000)}`;
  const before = cut(long);
  const tail = long.length - before.settledLength;
  expect(tail).toBeLessThan(100);
  const { blocks } = cut(`${long}More`, before);
  expect(blocks.length).toBe(2001);
  expect(blocks.at(-1)?.raw).toBe('More');
});

test('what no reader of markdown is meant for is shown as it is', () => {
  for (const flood of ['*[`'.repeat(100_000), `> ${'_a'.repeat(50_000)}`, `${'>'.repeat(20_000)} deep`]) {
    for (const isWhole of [false, true]) {
      const { blocks } = cut(flood, NOTHING, isWhole);
      expect(blocks.map(({ raw }) => raw).join('')).toBe(flood);
      expect(JSON.stringify(blocks).length).toBeLessThan(flood.length * 12);
    }
  }
  // A paragraph of a person is read whole.
  const long = cut(`${'some words '.repeat(500)}**bold**`, NOTHING, true);
  expect(long.blocks[0]?.token).toMatchObject({ tokens: [{ type: 'text' }, { type: 'strong', text: 'bold' }] });
});

test('tabs and line ends of others do not lose text', () => {
  let growing = NOTHING;
  const text = 'a\r\n\r\n\tb\r\n\r\nc\td\r\n\r\ne\r\n\r\nf';
  for (let length = 1; length <= text.length; length += 1) growing = cut(text.slice(0, length), growing);
  for (const letter of 'abcdef') expect(raws(growing).join('')).toContain(letter);
});

test('links lead to pages and letters', () => {
  expect(safeAddress('https://example.com/a b')).toBe('https://example.com/ab');
  expect(safeAddress('HTTP://example.com')).toBe('http://example.com/');
  expect(safeAddress('mailto:a@example.com')).toBe('mailto:a@example.com');
  for (const odd of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://example.com/1',
    '/drover/models',
    '//example.com',
    '#top',
    'https://',
    '',
  ]) {
    expect([odd, safeAddress(odd)]).toEqual([odd, null]);
  }
});

test('the language is the first word behind a fence', () => {
  expect(languageOf('TypeScript title="x"')).toBe('typescript');
  expect(languageOf('c++')).toBe('c++');
  expect(languageOf('html"><script>')).toBe('html');
  expect(languageOf(undefined)).toBe('');
});

test('entities are letters, once', () => {
  expect(unescaped('a &lt;b&gt; &amp;lt; &#65;&#x42; &unknown; &#0; &#99999999;')).toBe(
    'a <b> &lt; AB &unknown; &#0; &#99999999;',
  );
});
