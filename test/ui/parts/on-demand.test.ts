// What comes on demand: what keeps its place, and that nothing does once its code has come.
import { expect, test } from 'bun:test';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { type Code, code, OnDemand } from '../../../src/ui/parts/on-demand.tsx';

const shown = (text: Code<string>): string =>
  renderToStaticMarkup(
    createElement(() => OnDemand({ code: text, place: 'later', children: (known) => `here: ${known}` })),
  );

test('its place is kept until it has come, and never after that', async () => {
  const text = code(async () => 'a page');
  expect(shown(text)).toBe('later');
  expect(await text.load()).toBe('a page');
  expect(shown(text)).toBe('here: a page');
});

test('it is fetched once; what failed may be tried again', async () => {
  let tries = 0;
  const text = code(async () => {
    tries += 1;
    if (tries === 1) throw new Error('no way');
    return `try ${tries}`;
  });
  await expect(text.load()).rejects.toThrow('no way');
  expect(text.known()).toBeNull();
  expect(await Promise.all([text.load(), text.load()])).toEqual(['try 2', 'try 2']);
  expect(await text.load()).toBe('try 2');
  expect(tries).toBe(2);
});
