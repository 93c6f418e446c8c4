// A foreign server on the first of the ports that commands are given, on the compiled executable with the real engine.
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instance } from '../src/core/vocabulary.ts';
import { startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

test.each(['127.0.0.1', '0.0.0.0', '::'])(
  'one that answers 200 to everything on %s is neither asked nor in the way',
  async (host) => {
    using folder = temporaryFolder('given-port');
    const asked: string[] = [];
    const foreign = Bun.serve({
      hostname: host,
      port: 0,
      reusePort: false,
      fetch: ({ url }) => {
        asked.push(url);
        return Response.json({ choices: [{ message: { content: 'of another program' } }] });
      },
    });
    try {
      const model = join(folder.path, 'tiny.gguf');
      writeFileSync(model, tinyLlama());
      const launch = (await testEngine()).launch.map((word) => `"${word}"`).join(' ');
      const cmd = `${launch} -m "${model}" --port \${PORT} --host 127.0.0.1 --threads 1 --offline --no-ui`;
      writeFileSync(
        join(folder.path, 'config.yaml'),
        `startPort: ${foreign.port}\nmodels:\n  mine:\n    cmd: ${JSON.stringify(cmd)}\n  other:\n    cmd: ${JSON.stringify(cmd)}\n`,
      );
      await using drover = await startDrover({ dataFolder: folder.path });
      const chat = (name: string): Promise<Response> =>
        drover.request('/v1/chat/completions', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: name, messages: [{ role: 'user', content: 'the water' }], max_tokens: 4 }),
        });
      const answers = await Promise.all([chat('mine'), chat('other')]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      for (const answer of answers) expect(await answer.json()).toMatchObject({ usage: { completion_tokens: 4 } });
      const { instances } = await drover.json<{ instances: Instance[] }>('/drover/instances');
      const ports = instances.map(({ portNumber }) => portNumber ?? 0);
      expect(new Set(ports).size).toBe(2);
      expect(ports.every((port) => port > (foreign.port ?? 0))).toBe(true);
      expect(asked).toEqual([]);
    } finally {
      await foreign.stop(true);
    }
  },
);
