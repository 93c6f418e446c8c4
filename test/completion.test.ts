// Completion in real shells on a terminal, installed as a package installs it: what a press of Tab makes of a line.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnvironment, cli, temporaryFolder } from './fixtures/drover.ts';
import { findShell, openShell, type ShellName, type TestShell } from './fixtures/shells.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const folder = temporaryFolder('completion');
const data = temporaryFolder('completion-data');
const other = temporaryFolder('completion-other');

beforeAll(async () => {
  const models = join(folder.path, 'models-here');
  mkdirSync(models);
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(data.path, 'config.yaml'), `modelsFolders: [${models}]\nscanKnownFolders: false\n`);
  const elsewhere = join(folder.path, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'walker.gguf'), tinyLlama({ name: 'Walker' }));
  writeFileSync(join(other.path, 'config.yaml'), `modelsFolders: [${elsewhere}]\nscanKnownFolders: false\n`);
  for (const name of ['laptop', 'ci:bot', 'my desk']) {
    expect((await cli(['keys', 'add', name], cleanEnvironment(data.path))).exitCode).toBe(0);
  }
});
afterAll(() => {
  for (const one of [folder, data, other]) one[Symbol.dispose]();
});

/** What is typed, and what Tab adds. */
const LINES: readonly (readonly [typed: string, added: string])[] = [
  ['drover eng', 'ine'],
  ['drover run tal', 'ker-f32'],
  ['drover show --json tal', 'ker-f32'],
  ['drover ls --js', 'on'],
  ['drover serve --backend vu', 'lkan'],
  ['drover serve --backend=vu', 'lkan'],
  ['drover run --log-level w', 'arn'],
  ['drover --log-level w', 'arn'],
  ['drover engine roll', 'back'],
  ['drover keys rm lap', 'top'],
  ['drover keys rm ci', ':bot'],
  ['drover keys rm ci:', 'bot'],
  ['drover keys add ci --scopes chat,benc', 'hmark'],
  ['drover config set logL', 'evel'],
  ['drover config set logLevel wa', 'rn'],
  ['drover config set offline t', 'rue'],
  ['drover import cl', 'aracore'],
  // A file of the same beginning lies beside the folder.
  ['drover import claracore ./models-', 'here/'],
  ['drover serve --models-folder ./models-', 'here/'],
  ['drover serve --models-folder=./models-', 'here/'],
  ['drover serve --engine ./models-l', 'ist.txt'],
  ['drover help uns', ''],
  ['drover help unp', 'in'],
  ['drover nothing ./models-', ''],
  ['drover downloads cancel ', ''],
];

/** Debian has them all; a machine without apt-get may have none but bash. */
const shells: { readonly name: ShellName; readonly isHere: boolean }[] = [];
for (const name of ['bash', 'zsh', 'fish'] as const) shells.push({ name, isHere: (await findShell(name)) !== null });

for (const { name, isHere } of shells) {
  describe.if(isHere)(name, () => {
    const home = temporaryFolder(`completion-${name}`);
    let shell: TestShell;
    beforeAll(async () => {
      writeFileSync(join(folder.path, 'models-list.txt'), '');
      shell = await openShell(name, { home: home.path, folder: folder.path, dataFolder: data.path });
    });
    afterAll(async () => {
      await shell?.[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    });

    test.each(LINES)('%s', async (typed, added) => {
      expect(await shell.completed(typed)).toBe(`${typed}${added}`.trimEnd());
    });

    test('the data directory that the line names is the one', async () => {
      const typed = `drover --data-dir ${other.path} run wal`;
      expect(await shell.completed(typed)).toBe(`${typed}ker-f32`);
    });

    test('a name with a space is one word', async () => {
      expect(await shell.completed('drover keys rm my')).toBe('drover keys rm my\\ desk');
    });

    test('where there is no data directory nothing is offered, said or made', async () => {
      const none = join(folder.path, 'none');
      for (const words of ['run ta', 'keys rm la', 'engine use 0', 'users passwd a']) {
        const typed = `drover --data-dir ${none} ${words}`;
        expect(await shell.completed(typed)).toBe(typed);
      }
      expect(existsSync(none)).toBe(false);
      expect(shell.shown()).not.toMatch(/drover:|No Drover|Error|not found/);
    });

    test('the same text read by the start file does the same', async () => {
      using sourcedHome = temporaryFolder(`completion-${name}-sourced`);
      const options = { home: sourcedHome.path, folder: folder.path, dataFolder: data.path, isSourced: true };
      await using sourced = await openShell(name, options);
      expect(await sourced.completed('drover run tal')).toBe('drover run talker-f32');
    });
  });
}

test('a wrong configuration keeps neither verbs nor options from being completed', async () => {
  using broken = temporaryFolder('completion-broken');
  writeFileSync(join(broken.path, 'config.yaml'), 'listen: [\n');
  const environment = cleanEnvironment(broken.path);
  const ask = async (...words: string[]) => (await cli(['complete', '--', ...words], environment)).stdout;
  expect(await ask('=eng')).toStartWith('engine\t');
  expect(await ask('run', '=')).toBe(':\n');
  for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
    expect((await cli(['completion', shell], environment)).exitCode).toBe(0);
  }
});
