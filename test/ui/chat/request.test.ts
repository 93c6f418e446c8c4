// The body of a completion: messages of a path, files, sampling; what is not set is not sent. And titles, days, files.
import { expect, test } from 'bun:test';
import { MAX_ATTACHMENTS, refusalOf, textIn } from '../../../src/ui/pages/chat/attachments.ts';
import { type Attachment, NO_SETTINGS } from '../../../src/ui/pages/chat/chat.ts';
import { chosenModel } from '../../../src/ui/pages/chat/chosen-model.ts';
import { byDay } from '../../../src/ui/pages/chat/days.ts';
import { highlightedTree } from '../../../src/ui/pages/chat/highlighted.ts';
import { hitsIn } from '../../../src/ui/pages/chat/hits.ts';
import { scaled } from '../../../src/ui/pages/chat/pictures.ts';
import { completionBody } from '../../../src/ui/pages/chat/request.ts';
import { titleOf } from '../../../src/ui/pages/chat/title.ts';

const said = (role: 'user' | 'assistant', content: string, attachments: readonly Attachment[] = []) => ({
  role,
  content,
  attachments,
  state: 'complete' as const,
});
const bodyOf = (path: readonly ReturnType<typeof said>[], settings = NO_SETTINGS, isForeign = false) =>
  completionBody({ modelId: 'm', settings, path, isForeign });

test('what is not set is not sent', () => {
  expect(bodyOf([said('user', 'Hello')])).toEqual({
    model: 'm',
    messages: [{ role: 'user', content: 'Hello' }],
    stream: true,
    stream_options: { include_usage: true },
    return_progress: true,
    timings_per_token: false,
  });
});

test('another server is asked only what OpenAI knows', () => {
  expect(Object.keys(bodyOf([said('user', 'x')], NO_SETTINGS, true)).sort()).toEqual([
    'messages',
    'model',
    'stream',
    'stream_options',
  ]);
});

test('sampling goes by its wire names, zero too', () => {
  const sampling = { ...NO_SETTINGS.sampling, temperature: 0, topK: 40, maxTokens: 100, seed: 0, stop: ['END'] };
  const body = bodyOf([said('user', 'x')], { ...NO_SETTINGS, systemPrompt: ' Be brief. ', sampling });
  expect(body).toMatchObject({ temperature: 0, top_k: 40, max_tokens: 100, seed: 0, stop: ['END'] });
  expect(body).not.toHaveProperty('top_p');
  expect(body.messages).toEqual([
    { role: 'system', content: ' Be brief. ' },
    { role: 'user', content: 'x' },
  ]);
});

test('answers of which nothing came are left out', () => {
  expect(bodyOf([said('user', 'a'), said('assistant', ''), said('user', 'b')]).messages).toEqual([
    { role: 'user', content: 'a' },
    { role: 'user', content: 'b' },
  ]);
});

test('pictures are parts, texts are fenced by a fence that they cannot end', () => {
  const image: Attachment = { kind: 'image', name: 'a.png', mediaType: 'image/png', sizeBytes: 3, data: 'AAAA' };
  const text: Attachment = {
    kind: 'text',
    name: 'a.md',
    mediaType: 'text/plain',
    sizeBytes: 3,
    data: '````\ncode\n````\n',
  };
  const [message] = bodyOf([said('user', 'Look', [image, text])]).messages as { content: unknown }[];
  expect(message?.content).toEqual([
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    { type: 'text', text: 'a.md:\n`````\n````\ncode\n````\n`````\n\nLook' },
  ]);
});

test('a title is the first line that says something, cut between words', () => {
  expect(titleOf('  \n## **How** do `sheep`  sleep?\nMore', 'none')).toBe('How do sheep sleep?');
  expect(titleOf('```\n\n', 'none')).toBe('none');
  expect(titleOf('', 'none')).toBe('none');
  const long = titleOf('word '.repeat(40), 'none');
  expect(long.length).toBeLessThanOrEqual(64);
  expect(long).toEndWith('word…');
  // A letter outside the basic plane is one letter.
  expect([...titleOf('🐑'.repeat(80), 'none')].length).toBe(64);
  expect(titleOf('🐑'.repeat(80), 'none')).not.toContain('\ufffd');
});

test('chats are grouped by the days of the reader', () => {
  const now = new Date(2026, 10, 26, 0, 30).getTime();
  const at = (minutes: number, isPinned = false) => ({ isPinned, updatedAt: now - minutes * 60_000 });
  const groups = byDay(
    [at(99999, true), at(10), at(45), at(60 * 36), at(60 * 24 * 3), at(60 * 24 * 20), at(60 * 24 * 90)],
    now,
  );
  expect(groups.map(({ day, chats }) => `${day} ${chats.length}`)).toEqual([
    'pinned 1',
    'today 1',
    'yesterday 1',
    'week 2',
    'month 1',
    'older 1',
  ]);
});

test('files are taken by what they are', () => {
  const model = { hasVision: false, count: 0, modelId: 'm' };
  const image = { name: 'a.png', type: 'image/png', size: 10 };
  expect(refusalOf(image, model)).toContain('m does not see pictures');
  expect(refusalOf(image, { ...model, hasVision: true })).toBeNull();
  expect(refusalOf({ ...image, type: 'image/tiff' }, { ...model, hasVision: true })).toContain('no picture');
  expect(refusalOf({ ...image, size: 1e9 }, { ...model, hasVision: true })).toContain('larger than');
  // A drawing in SVG is text.
  expect(refusalOf({ ...image, type: 'image/svg+xml' }, model)).toBeNull();
  expect(refusalOf({ name: 'a.txt', type: 'text/plain', size: 1e6 }, model)).toContain('larger than 512 KiB');
  expect(refusalOf({ name: 'a.txt', type: '', size: 1 }, { ...model, count: MAX_ATTACHMENTS })).toContain('At most 8');
  expect(textIn(new TextEncoder().encode('Grüße\n\t🐑'))).toBe('Grüße\n\t🐑');
  expect(textIn(new Uint8Array([0xff, 0xfe, 0x41]))).toBeNull();
  expect(textIn(new Uint8Array([0x41, 0x00, 0x42]))).toBeNull();
  expect(scaled(4000, 1000)).toEqual({ width: 1536, height: 384 });
  expect(scaled(100, 50)).toEqual({ width: 100, height: 50 });
  expect(scaled(100_000, 1)).toEqual({ width: 1536, height: 1 });
});

test('a chat keeps its model; a new one takes the one that was wished, used, or runs', () => {
  const model = (id: string, state?: string) =>
    ({ id, aliases: [`${id}.gguf`], instance: state === undefined ? null : { state } }) as never;
  const models = [model('a'), model('b', 'ready'), model('c')];
  expect(chosenModel(models, ['gone', 'a'])).toBe('gone');
  expect(chosenModel(models, ['c.gguf'])).toBe('c');
  expect(chosenModel(models, [null, 'gone', 'c'])).toBe('c');
  expect(chosenModel(models, [null, null, null])).toBe('b');
  expect(chosenModel([model('a')], [null])).toBe('a');
  expect(chosenModel([], [null])).toBeNull();
});

test('colours are a tree of classes; nothing else of it is believed', () => {
  expect(highlightedTree('<span class="hljs-string">&lt;a&gt; <span class="hljs-x">b</span></span> &amp;lt;')).toEqual([
    { className: 'hljs-string', children: ['<a> ', { className: 'hljs-x', children: ['b'] }] },
    ' &lt;',
  ]);
  expect(highlightedTree('<img src=x></span></span>b')).toEqual(['<', 'img src=x>', 'b']);
});

test('what was searched for is marked, whatever its case', () => {
  const said = (text: string, query: string): string =>
    hitsIn(text, query)
      .map(({ text: piece, isHit }) => (isHit ? `[${piece}]` : piece))
      .join('');
  expect(said('The Quokka and the quokka', 'QUOKKA ')).toBe('The [Quokka] and the [quokka]');
  expect(said('aaa', 'aa')).toBe('[aa]a');
  expect(said('nothing', '')).toBe('nothing');
  expect(said('İstanbul is', 'is')).toBe('İstanbul is');
});
