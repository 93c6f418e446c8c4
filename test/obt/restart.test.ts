// Sessions of tests over the end of the server, however it ends: no finished test is lost, what was in the middle is an
// error, and what waited is run by the next server.
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesWith, type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { startLine } from '../fixtures/restarts.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { ends, follow, untilEnded, type WireSession } from './testbed.ts';

interface Place extends Disposable {
  readonly dataFolder: string;
  readonly modelsFolders: readonly string[];
  readonly oneThread: readonly string[];
}

function place(): Place {
  const models = temporaryFolder('obt-restart-models');
  const data = temporaryFolder('obt-restart-data');
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(models.path, 'slow.gguf'), tinyLlama({ name: 'Slow', blockCount: 12, width: 128 }));
  return {
    dataFolder: data.path,
    modelsFolders: [models.path],
    oneThread: ['talker-f32', 'slow-f32'],
    [Symbol.dispose]: () => {
      models[Symbol.dispose]();
      data[Symbol.dispose]();
    },
  };
}

const detailOf = (drover: RunningDrover, id: string): Promise<WireSession> =>
  drover.json<WireSession>(`/api/v1/test-sessions/${id}`);
const statusesOf = ({ models }: WireSession): string[] =>
  models.flatMap(({ tests }) => tests.map(({ status }) => status));

/** One session in the middle of its second model, its first test done, and one that waits. */
async function begun(drover: RunningDrover): Promise<{ readonly running: string; readonly waiting: string }> {
  using follower = await follow(drover);
  const start = async (body: object): Promise<string> =>
    (await drover.json<{ sessionId: string }>('/api/v1/test-sessions', body)).sessionId;
  const running = await start({ models: ['talker-f32', 'slow-f32'], testTypes: ['completion'], iterations: 100 });
  const waiting = await start({ models: ['talker-f32'], testTypes: ['completion'], iterations: 1 });
  await follower.until((all) => all.some(({ modelName, progress }) => modelName === 'slow-f32' && progress > 5));
  expect(ends(follower.messages).map(({ type, modelName }) => [type, modelName])).toEqual([['complete', 'talker-f32']]);
  return { running, waiting };
}

test.each(['SIGKILL', 'SIGTERM'] as const)('%s in the middle', async (signal) => {
  using where = place();
  let ids: Awaited<ReturnType<typeof begun>>;
  let before: WireSession;
  {
    await using drover = await startDrover(where);
    ids = await begun(drover);
    before = await detailOf(drover, ids.running);
    drover.kill(signal);
    await drover.exited;
  }
  while (processesWith(where.modelsFolders[0] ?? '').length > 0) await Bun.sleep(5);
  await using drover = await startDrover(where);
  const after = await detailOf(drover, ids.running);
  expect([after.status, statusesOf(after)]).toEqual(['error', ['completed', 'error']]);
  expect(after.models[0]).toEqual(before.models[0] as WireSession['models'][number]);
  expect(after.message).toMatch(/stopped or restarted/);
  expect(after.models[1]?.tests[0]?.error).toMatch(/stopped or restarted/);
  const waited = await untilEnded(drover, ids.waiting);
  expect([waited.status, statusesOf(waited)]).toEqual(['completed', ['completed']]);
  const { results } = await drover.json<{ results: { sessionId: string }[] }>('/api/v1/test-results');
  expect(results.map(({ sessionId }) => sessionId)).toEqual([ids.waiting, ids.running]);
});

test('a hard restart: followers are told, the new server goes on with what waits', async () => {
  using where = place();
  await using line = await startLine(where);
  const { first } = line;
  using follower = await follow(first);
  const ids = await begun(first);
  await line.restart();
  const ended = await follower.until((all) => ends(all).length === 2);
  expect(ends(ended).map(({ type, modelName }) => [type, modelName])).toEqual([
    ['complete', 'talker-f32'],
    ['error', 'slow-f32'],
  ]);
  const after = await detailOf(first, ids.running);
  expect([after.status, statusesOf(after)]).toEqual(['error', ['completed', 'error']]);
  expect((await untilEnded(first, ids.waiting)).status).toBe('completed');
});
