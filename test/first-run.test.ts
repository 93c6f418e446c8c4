// The first run, in a terminal, on the compiled executable: a plan, one question, progress, and the address at the end. No
// source of engines is reachable here, so that nothing large is fetched; what is said then is part of it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import { cleanEnvironment, temporaryFolder } from './fixtures/drover.ts';
import { type FakeHub, startHub } from './fixtures/hub/server.ts';
import { eventually } from './fixtures/restarts.ts';
import { inTerminal } from './fixtures/terminal.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

let hub: FakeHub;
beforeAll(async () => {
  const files = [{ path: 'Qwen3-0.6B-Q4_K_M.gguf', content: tinyLlama({ name: 'Tiny' }) }];
  hub = await startHub({ repositories: [{ id: 'unsloth/Qwen3-0.6B-GGUF', files }] });
});
afterAll(() => hub[Symbol.asyncDispose]());

const DOWN = '\u001b[B';
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

function newcomer() {
  const data = temporaryFolder('first run');
  writeFileSync(join(data.path, 'config.yaml'), 'scanKnownFolders: false\nlisten: 127.0.0.1:0\nram: 1\nvram: 1\n');
  return {
    path: data.path,
    environment: {
      ...cleanEnvironment(data.path),
      HF_ENDPOINT: hub.url,
      DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(','),
      DROVER_GITHUB_API: NOWHERE,
      DROVER_GITHUB_DOWNLOADS: NOWHERE,
      DROVER_DEBIAN_ARCHIVE: `${NOWHERE}/debian`,
    },
    [Symbol.dispose]: () => data[Symbol.dispose](),
  };
}

const models = (folder: string): string[] =>
  existsSync(join(folder, 'models')) ? readdirSync(join(folder, 'models'), { recursive: true, encoding: 'utf8' }) : [];

describe('in a terminal', () => {
  test('one question, with a model that fits; it is fetched, and the address stands at the end', async () => {
    using ada = newcomer();
    await using terminal = inTerminal([], ada.environment);
    await terminal.shows('The plan:');
    await terminal.shows('yes, and fetch Qwen3 0.6B Q4_K_M');
    expect(models(ada.path)).toEqual([]);
    terminal.type('\r');
    await terminal.shows('at every start');
    const end = terminal.screen().slice(terminal.screen().indexOf('Drover serves, without an engine:'));
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(end)?.[0] ?? '';
    expect(end).toContain(`a chat in the browser   ${url}/ui/`);
    expect(end).toContain('drover run qwen3-0.6b-q4_k_m');
    expect((await fetch(`${url}/v1/models`)).status).toBe(200);
    expect(models(ada.path).filter((name) => name.endsWith('.gguf'))).toHaveLength(1);
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
  });

  test('without a model, if that is wished', async () => {
    using ada = newcomer();
    await using terminal = inTerminal([], ada.environment);
    await terminal.shows('yes, without a model for now');
    terminal.type(DOWN);
    terminal.type('\r');
    await terminal.shows('at every start');
    expect(models(ada.path).filter((name) => name.endsWith('.gguf'))).toEqual([]);
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
  });

  test.each([
    ['no', [DOWN, DOWN, '\r']],
    ['Ctrl-C', ['\u0003']],
  ])('a %s ends it, with nothing fetched, and the next start asks again', async (_, keys) => {
    using ada = newcomer();
    for (const _again of [1, 2]) {
      await using terminal = inTerminal([], ada.environment);
      await terminal.shows('yes, without a model for now');
      for (const key of keys) terminal.type(key);
      expect(await terminal.exited).toBe(130);
      expect(terminal.screen()).toContain('Nothing was fetched.');
      expect(existsSync(join(ada.path, 'server.json'))).toBe(false);
      expect(models(ada.path)).toEqual([]);
    }
  });

  test('--yes asks nothing, and fetches no model unasked', async () => {
    using ada = newcomer();
    await using terminal = inTerminal(['--yes'], ada.environment);
    await terminal.shows('at every start');
    expect(terminal.screen()).not.toContain('Go on?');
    expect(models(ada.path).filter((name) => name.endsWith('.gguf'))).toEqual([]);
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(0);
  });
});

test('without a terminal nothing is asked, and the address stands at the end too', async () => {
  using ada = newcomer();
  const child = Bun.spawn([hostBinary], { env: ada.environment, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' });
  let said = '';
  const reading = (async () => {
    for await (const chunk of child.stderr) said += new TextDecoder().decode(chunk);
  })();
  try {
    await eventually(
      () => said.includes('at every start'),
      () => said,
    );
    expect(said).not.toContain('Go on?');
  } finally {
    child.kill('SIGTERM');
    expect(await child.exited).toBe(0);
    await reading;
  }
});
