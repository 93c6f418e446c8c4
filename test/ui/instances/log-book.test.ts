// The lines that the page of the log holds: bounded, cleaned of what a terminal would obey, found by what they say.
import { expect, test } from 'bun:test';
import {
  isShown,
  LogBook,
  type LogLine,
  MOST_LINES,
  plainText,
  textOf,
} from '../../../src/ui/pages/instances/log-book.ts';

const line = (message: string, some: Partial<LogLine> = {}): LogLine => ({
  at: 0,
  level: 'info',
  source: 'engine:m',
  message,
  fields: {},
  ...some,
});

test('a line is text: no colours, no controls, its fields behind it', () => {
  expect(textOf(line('\u001b[31mred\u001b[0m \u0007bell\u001b]0;title'))).toBe('red bell0;title');
  expect(textOf(line('loaded', { fields: { model: 'a b', bytes: 5, none: undefined } }))).toBe(
    'loaded  model=a b  bytes=5',
  );
});

test('however many come, so many are held, the latest of them, and those that went are counted', () => {
  const book = new LogBook();
  for (let batch = 0; batch < 30; batch += 1) {
    book.add(Array.from({ length: 1000 }, (_, index) => line(`${batch * 1000 + index}`)));
    expect(book.lines.length).toBeLessThanOrEqual(MOST_LINES);
  }
  expect(book.lines.at(-1)?.message).toBe('29999');
  expect(book.droppedCount + book.lines.length).toBe(30_000);
  expect(book.lines[0]?.message).toBe(String(book.droppedCount));
  expect(new Set(book.lines.map(({ key }) => key)).size).toBe(book.lines.length);
});

test('a filter knows level and text, whatever the case', () => {
  const book = new LogBook();
  book.add([line('Engine READY'), line('oh', { level: 'warn', source: 'scheduler' })]);
  const shown = (level: LogLine['level'], query: string): string[] =>
    book.lines.filter((one) => isShown(one, { level, query })).map(({ text }) => text);
  expect(shown('debug', 'ready')).toEqual(['Engine READY']);
  expect(shown('warn', '')).toEqual(['oh']);
  expect(shown('debug', 'sched')).toEqual(['oh']);
  expect(plainText(book.lines)).toBe(
    '1970-01-01T00:00:00.000Z info engine:m Engine READY\n1970-01-01T00:00:00.000Z warn scheduler oh',
  );
});

test('older lines are put in by their time, and what is here already is not here twice', () => {
  const book = new LogBook();
  const say = (at: number, source: string, message: string) => ({
    at,
    level: 'info' as const,
    source,
    message,
    fields: {},
  });
  expect(book.olderBefore()).toBeNull();
  // The engine talks much: what is held of it begins later. Files keep no empty lines.
  book.add([
    say(10, 'drover', 'c'),
    say(20, 'drover', 'd'),
    say(30, 'engine:a', '2b'),
    say(30, 'engine:a', ' '),
    say(40, 'engine:a', '3'),
  ]);
  expect(book.olderBefore()).toBe(31);
  book.addOlder([
    say(10, 'drover', 'b'),
    say(10, 'drover', 'c'),
    say(15, 'engine:a', '1'),
    say(20, 'drover', 'd'),
    say(30, 'engine:a', '2a'),
    say(30, 'engine:a', '2b'),
  ]);
  expect(book.lines.map(({ message }) => message)).toEqual(['b', 'c', '1', 'd', '2a', '2b', ' ', '3']);
  expect(new Set(book.lines.map(({ key }) => key)).size).toBe(8);
  expect(book.olderBefore()).toBe(10);
  book.addOlder([say(9, 'drover', 'a')]);
  expect(book.lines[0]?.message).toBe('a');
  expect(book.olderBefore()).toBe(9);
  book.addOlder([]);
  expect(book.olderBefore()).toBe(9);
  book.clear();
  expect(book.olderBefore()).toBeNull();
});

test('new lines do not push away the older ones that somebody asked for', () => {
  const book = new LogBook();
  book.add(Array.from({ length: MOST_LINES }, (_, index) => line(`${index}`, { at: 10_000 + index })));
  book.addOlder(Array.from({ length: 5000 }, (_, index) => line(`old ${index}`, { at: index })));
  book.add([line('new', { at: 90_000 })]);
  expect(book.lines.length).toBeLessThanOrEqual(MOST_LINES + 5000);
  // One too many: what goes is a step of the oldest, and no more.
  expect(book.lines[0]?.message).toBe('old 2001');
  book.add([line('newer', { at: 90_001 })]);
  expect(book.lines[0]?.message).toBe('old 2001');
});
