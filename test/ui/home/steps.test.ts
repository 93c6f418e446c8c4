// Where a set-up stands, by what the server says.
import { expect, test } from 'bun:test';
import type { Download, Model } from '../../../src/ui/api/answers.ts';
import { openDownloads, ratioOf } from '../../../src/ui/app/downloads.ts';
import { chatModels, chosenOf, stepsOf } from '../../../src/ui/pages/setup/steps.ts';

const model = (id: string, more: Partial<Model> = {}): Model =>
  ({ id, kind: 'text', failure: null, isCustom: false, createdAt: 1, path: `/m/${id}.gguf`, ...more }) as Model;
const download = (id: string, state: Download['state'], path: string, finishedAt: number | null = null): Download =>
  ({ id, state, files: [{ path }], finishedAt }) as unknown as Download;
const visit = (state: 'ready' | 'settling' | 'failed') => ({ engine: { state } }) as never;

test('steps follow the state, in any order', () => {
  expect(stepsOf(undefined, 0)).toEqual({ engine: 'current', models: 'current', chat: 'ahead' });
  expect(stepsOf(visit('failed'), 2)).toEqual({ engine: 'current', models: 'done', chat: 'ahead' });
  expect(stepsOf(visit('ready'), 0)).toEqual({ engine: 'done', models: 'current', chat: 'ahead' });
  expect(stepsOf(visit('ready'), 1)).toEqual({ engine: 'done', models: 'done', chat: 'current' });
});

test('models to chat with: no probe, no broken ones, no embedders, the newest first', () => {
  const all = [
    model('drover-probe'),
    model('command', { isCustom: true, createdAt: 99 }),
    model('old'),
    model('new', { createdAt: 9 }),
    model('broken', { failure: 'x' }),
    model('embedder', { kind: 'embedding' }),
  ];
  expect(chatModels(all, 'drover-probe').map(({ id }) => id)).toEqual(['new', 'old', 'command']);
});

test('the one to begin with: what was chosen, what was brought, what is newest', () => {
  const models = [model('new'), model('brought'), model('other')];
  const downloads = [
    download('1', 'finished', '/m/other.gguf', 1),
    download('2', 'finished', '/m/brought.gguf', 2),
    download('3', 'finished', '/m/gone.gguf', 3),
  ];
  expect(chosenOf('other', models, downloads)?.id).toBe('other');
  expect(chosenOf(null, models, downloads)?.id).toBe('brought');
  expect(chosenOf('gone', models, [])?.id).toBe('new');
  expect(chosenOf(null, [], downloads)).toBeNull();
});

test('downloads that somebody must see, and how far they are', () => {
  const all = (['queued', 'downloading', 'paused', 'verifying', 'finished', 'failed', 'cancelled'] as const).map(
    (state) => download(state, state, '/x'),
  );
  expect(openDownloads(all).map(({ id }) => id)).toEqual(['queued', 'downloading', 'paused', 'verifying', 'failed']);
  expect([ratioOf(5, 10), ratioOf(5, null), ratioOf(11, 10)]).toEqual([0.5, null, 1]);
});
