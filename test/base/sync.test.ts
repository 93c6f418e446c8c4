import { expect, test } from 'bun:test';
import { join } from 'node:path';

const SYNC = join(import.meta.dir, '../../src/base/sync.ts');

test('work that fails after its only waiter has left does not end the process', async () => {
  const program = `
    import { untilAborted } from ${JSON.stringify(SYNC)};
    const gone = new AbortController();
    gone.abort(new Error('gone'));
    let fail;
    const work = new Promise((_, reject) => { fail = reject; });
    const told = await untilAborted(work, gone.signal).catch((thrown) => thrown.message);
    fail(new Error('failed afterwards'));
    await Bun.sleep(0);
    console.log(told);
  `;
  await using child = Bun.spawn([process.execPath, '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  expect(await child.stdout.text()).toBe('gone\n');
  expect(await child.exited).toBe(0);
});
