// The core while configuration and files change under it: what is not concerned goes on.
import { describe, expect, test } from 'bun:test';
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { openHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const entry = (name: string, more = ''): string =>
  `  ${name}:\n    file: \${models}/${name}.gguf\n    threads: 1\n${more}`;
const files = (...names: string[]): Record<string, Uint8Array> =>
  Object.fromEntries(names.map((name) => [`${name}.gguf`, tinyLlama({ name })]));

describe('a changed configuration', () => {
  test('restarts what it concerns; other processes and their streams go on; rules count without a restart', async () => {
    await using house = await openHouse({
      models: files('same', 'other', 'gone'),
      config: `models:\n${entry('same')}${entry('other')}${entry('gone')}`,
    });
    await Promise.all(['same', 'other', 'gone'].map((name) => house.ask(name)));
    const [same, other] = [house.pid('same'), house.pid('other')];
    const running = house.ask('same', { tokens: 3000 });
    house.configure(
      `models:\n${entry('same', '    ttl: 900\n    pin: true\n')}${entry('other', '    contextSize: 2048\n')}`,
    );
    // The file that lies in the folder is still found, but the entry that named it is not there any more.
    const touched = await house.drover.reload();
    expect(touched).toContain('other');
    expect(touched).not.toContain('same');
    expect(house.pid('same')).toBe(same);
    expect(house.instance('same')).toMatchObject({ isPinned: true, ttlMs: 900_000 });
    const again = await house.ask('other');
    expect(again.status).toBe(200);
    expect(again.pid).not.toBe(other);
    expect(house.instance('other')?.verdict?.contextTokens).toBe(2048);
    expect(JSON.parse((await running).text).timings.predicted_n).toBe(3000);
    // Back again: neither pinned nor limited.
    house.configure(`models:\n${entry('same')}${entry('other', '    contextSize: 2048\n')}`);
    expect(await house.drover.reload()).toEqual([]);
    expect(house.instance('same')).toMatchObject({ isPinned: false, ttlMs: null, pid: same });
  });

  test('who waits for a model whose entry changes is served by the new one', async () => {
    await using house = await openHouse({
      models: files('model'),
      config: `models:\n${entry('model', '    concurrencyLimit: 1\n')}`,
    });
    const lease = await house.drover.acquire('model');
    const waiting = house.ask('model');
    await house.untilQueued('model');
    house.configure(`models:\n${entry('model', '    concurrencyLimit: 1\n    contextSize: 1024\n')}`);
    expect(await house.drover.reload()).toEqual(['model']);
    expect(lease.signal.aborted).toBe(false);
    await lease[Symbol.asyncDispose]();
    expect((await waiting).status).toBe(200);
    expect(house.instance('model')?.verdict?.contextTokens).toBe(1024);
  });

  test('an entry that is taken away stops its process; a wrong file changes nothing', async () => {
    await using house = await openHouse({
      config: `models:\n  apart:\n    file: \${models}/../apart.gguf\n  stays:\n    file: \${models}/../stays.gguf\n`,
    });
    for (const name of ['apart', 'stays']) writeFileSync(join(house.dataFolder, `${name}.gguf`), tinyLlama({ name }));
    await house.drover.rescan();
    await Promise.all([house.ask('apart'), house.ask('stays')]);
    const pid = house.pid('stays');
    house.configure('models:\n  stays: 5\n');
    const refusal = await house.drover.reload().catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(Fault);
    expect((refusal as Fault).kind).toBe('config_invalid');
    expect(house.state('apart')).toBe('ready');
    house.configure(`models:\n  stays:\n    file: \${models}/../stays.gguf\n`);
    expect(await house.drover.reload()).toEqual(['apart']);
    await house.untilState('apart', 'stopped');
    expect(house.pid('stays')).toBe(pid);
    expect(await house.ask('apart').catch((thrown: Fault) => thrown.kind)).toBe('not_found');
  });

  test('an entry that could not be started is tried at once when it is mended', async () => {
    await using house = await openHouse({
      models: files('model'),
      config: `models:\n${entry('model', '    env: [GGML_VK_VISIBLE_DEVICES=]\n    chatTemplate: "{% if %}"\n')}`,
    });
    const fault = await house.ask('model').catch((thrown: Fault) => thrown);
    expect(fault).toBeInstanceOf(Fault);
    expect(house.state('model')).toBe('failed');
    house.configure(`models:\n${entry('model')}`);
    await house.drover.reload();
    const at = performance.now();
    expect((await house.ask('model')).status).toBe(200);
    expect(performance.now() - at).toBeLessThan(900);
  });
});

describe('flags of an entry', () => {
  test('what the plan decides goes into the plan, the rest to the engine, what is not allowed is refused by name', async () => {
    await using house = await openHouse({
      models: files('model'),
      config: `models:\n${entry('model', '    flags: { ctx-size: 1536, parallel: 3, cache-type-k: f32, cache-type-v: f32, ubatch-size: 64, seed: 7 }\n')}`,
    });
    await house.drover.load('model');
    expect(house.instance('model')?.verdict).toMatchObject({
      outcome: 'as_planned',
      contextTokens: 1536,
      cacheTypeK: 'f32',
    });
    const words = readFileSync(`/proc/${house.pid('model')}/cmdline`, 'utf8').split('\0');
    const after = (name: string): string | undefined => words[words.indexOf(name) + 1];
    expect([after('--parallel'), after('--ubatch-size'), after('--seed'), after('--threads')]).toEqual([
      '3',
      '64',
      '7',
      '1',
    ]);
    // The structured setting is the plainer word.
    house.configure(`models:\n${entry('model', '    contextSize: 512\n    flags: { ctx-size: 1536 }\n')}`);
    await house.drover.reload();
    await house.drover.load('model');
    expect(house.instance('model')?.verdict?.contextTokens).toBe(512);
    house.configure(`models:\n${entry('model', '    flags: { log-file: /tmp/x }\n')}`);
    await house.drover.reload();
    const fault = (await house.ask('model').catch((thrown: unknown) => thrown)) as Fault;
    expect(fault.kind).toBe('config_invalid');
    expect(fault.message).toContain('log-file');
  });
});

describe('changed files', () => {
  test('a file that is replaced: requests in flight end with the old one, the next one gets the new one', async () => {
    await using house = await openHouse({ models: files('model'), config: `models:\n${entry('model')}` });
    const { pid } = await house.ask('model');
    const running = house.ask('model', { tokens: 2000 });
    const fresh = join(house.dataFolder, 'fresh');
    writeFileSync(fresh, tinyLlama({ name: 'fresh', blockCount: 3 }));
    renameSync(fresh, join(house.modelsFolder, 'model.gguf'));
    await house.drover.rescan();
    expect(JSON.parse((await running).text).timings.predicted_n).toBe(2000);
    const again = await house.ask('model');
    expect(again.pid).not.toBe(pid);
    expect(house.instance('model')?.verdict?.layersTotal).toBe(4);
  });

  test('a file that is deleted: its process leaves, its name is not known any more, nothing of it stays', async () => {
    await using house = await openHouse({ models: files('one', 'two') });
    const ids = house.drover.models().map((model) => model.id);
    const id = ids.find((name) => name.startsWith('one')) ?? '';
    await house.ask(id);
    unlinkSync(join(house.modelsFolder, 'one.gguf'));
    await house.drover.rescan();
    await house.untilState(id, 'stopped');
    expect(await house.ask(id).catch((thrown: Fault) => thrown.kind)).toBe('not_found');
    expect(house.drover.verdicts()).toEqual([]);
  });

  test('a model that comes later is pinned as its entry says', async () => {
    await using house = await openHouse({ config: `models:\n${entry('late', '    pin: true\n')}` });
    house.drover.preload();
    house.put('late.gguf', tinyLlama({ name: 'late' }));
    await house.drover.rescan();
    await house.drover.load('late');
    expect(house.instance('late')?.isPinned).toBe(true);
  });
});
