import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import type { Lifecycle } from '../../src/core/lifecycle.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';

let listener: Listener;
let lifecycle: Lifecycle;

beforeAll(async () => {
  const { drover } = new SmallCore([]);
  lifecycle = drover.lifecycle;
  listener = await listen({ app: createApp(drover, OPEN_OPTIONS), host: '127.0.0.1', port: 0 });
});
afterAll(() => listener.close());

const restart = async (body?: unknown): Promise<[number, unknown]> => {
  const answer = await fetch(`${listener.urls[0]}/drover/restart`, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return [answer.status, await answer.json()];
};

test('soft, hard, refused, and where nothing can be restarted', async () => {
  expect(await restart()).toEqual([200, { status: 'restarting', hard: false }]);
  expect(await restart({ hard: false })).toEqual([200, { status: 'restarting', hard: false }]);
  expect(await restart({ hard: 'yes' })).toMatchObject([400, { error: { details: { field: 'hard' } } }]);
  expect(await restart({ hard: true })).toMatchObject([501, { error: { code: 'not_supported' } }]);
  let count = 0;
  lifecycle.install({
    handOver: async () => {
      count += 1;
      if (count > 1) throw new Fault('conflict', 'Another restart is under way.');
    },
    shutDown: () => undefined,
  });
  expect(await restart({ hard: true })).toEqual([200, { status: 'restarting', hard: true }]);
  expect(await restart({ hard: true })).toMatchObject([409, { error: { code: 'conflict' } }]);
});

test('the API document has it, with a body that may be left out', async () => {
  const document = (await (await fetch(`${listener.urls[0]}/docs/json`)).json()) as {
    paths: Record<string, { post: { requestBody: { required: boolean }; responses: Record<string, unknown> } }>;
  };
  const operation = document.paths['/drover/restart']?.post;
  expect(operation?.requestBody.required).toBe(false);
  expect(Object.keys(operation?.responses ?? {})).toEqual(['200', '400', '409', '413', '415', 'default']);
});
