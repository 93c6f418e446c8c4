// The manual page: complete by the tables that it is made of, and read without a word of complaint by real readers.
import { afterAll, expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodeOf, FAULT_KINDS, Fault } from '../src/base/fault.ts';
import { manualPage } from '../src/cli/manual.ts';
import { EXIT_CODES } from '../src/cli/manual-facts.ts';
import { optionsOf } from '../src/cli/option-table.ts';
import { escaped, filled } from '../src/cli/roff.ts';
import { VERBS } from '../src/cli/verbs.ts';
import { SETTINGS } from '../src/config/schema.ts';
import { unpackPackages } from './fixtures/apt-get.ts';
import { cleanEnvironment, cli, temporaryFolder } from './fixtures/drover.ts';

const folder = temporaryFolder('manual');
afterAll(() => folder[Symbol.dispose]());
const page = manualPage({ version: '1.2.3', builtAt: Date.UTC(2026, 0, 31, 23, 59) });

function read(argv: readonly string[]): { readonly said: string; readonly shown: string; readonly exitCode: number } {
  const run = Bun.spawnSync([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  return { said: run.stderr.toString(), shown: run.stdout.toString(), exitCode: run.exitCode };
}

const mandocRoot = await unpackPackages('mandoc');
const mandoc =
  Bun.which('mandoc') ??
  ['usr/bin/mandoc', 'bin/mandoc'].map((path) => join(mandocRoot ?? '/nowhere', path)).find((path) => existsSync(path));
const groff = Bun.which('groff');

test.if(mandoc !== undefined)('mandoc has nothing to say of it, not even of its style', () => {
  const file = join(folder.path, 'drover.1');
  writeFileSync(file, `${page}\n`);
  const { said, shown, exitCode } = read([mandoc ?? '', '-T', 'lint', '-W', 'style', file]);
  expect([shown, said, exitCode]).toEqual(['', '', 0]);
  // It would tell: a request that is none.
  writeFileSync(file, `${page}\n.XX\n`);
  expect(read([mandoc ?? '', '-T', 'lint', file]).shown).toContain('unknown macro');
});

test.if(groff !== null)('groff warns of nothing', () => {
  const file = join(folder.path, 'drover-groff.1');
  writeFileSync(file, `${page}\n`);
  expect(read([groff ?? '', '-man', '-ww', '-z', file])).toEqual({ said: '', shown: '', exitCode: 0 });
});

test.if(mandoc !== undefined)('signs arrive as they are: what is shown is what can be typed', () => {
  const file = join(folder.path, 'drover-shown.1');
  writeFileSync(file, `${page}\n`);
  const { shown } = read([mandoc ?? '', '-T', 'utf8', '-O', 'width=1000', file]);
  // Bold and italic are overstruck.
  const text = shown.replace(new RegExp(`.${String.fromCharCode(8)}`, 'gu'), '');
  for (const words of [
    'drover run qwen3-4b "What does this say?" < notes.txt',
    '%LOCALAPPDATA%\\drover',
    '~/.local/share/drover',
    '`cmd`',
    '${name}',
    'model’s',
  ]) {
    expect(text).toContain(words);
  }
});

test('every verb, alias, option, setting and exit code stands in it, and nothing that is hidden', () => {
  const lines = new Set(page.split('\n'));
  const tag = (name: string): string => `\\fB\\%${escaped(name)}\\fR`;
  for (const { name, aliases, isHidden } of VERBS) {
    const names = [name, ...(aliases ?? [])].map(tag).join(', ');
    expect([...lines].some((line) => line === names || line.startsWith(`${names} `))).toBe(isHidden !== true);
  }
  for (const verb of [null, ...VERBS]) for (const { long } of optionsOf(verb)) expect(page).toContain(tag(long));
  for (const [name, { env, help }] of Object.entries(SETTINGS)) {
    expect(lines).toContain(tag(name));
    if (env !== null) expect(page).toContain(tag(env));
    expect(page.replace(/\n(\\&)?/g, ' ')).toContain(escaped(help));
  }
  const listed = EXIT_CODES.map(([code]) => code);
  for (const kind of FAULT_KINDS) expect(listed).toContain(exitCodeOf(new Fault(kind, '')));
  const readme = readFileSync(join(import.meta.dir, '../README.md'), 'utf8');
  for (const code of listed) expect(readme).toMatch(new RegExp(`\\| ${code} \\|`));
});

test('a part of it, as it is written', () => {
  expect(page).toStartWith('.TH DROVER 1 "2026-01-31" "Drover 1.2.3" "User Commands"\n.SH NAME\n');
  expect(page).toContain(`.TP
\\fB\\%stop\\fR [\\fImodel\\fR]
stop a model, or all with \\-\\-all.
.RS
.TP
\\fB\\%\\-\\-all\\fR
stop every model.
.TP
\\fB\\%\\-\\-force\\fR
end requests in flight.
.RE
`);
  expect(page).toContain(`.TP
\\fB\\%modelsFolders\\fR
folder with GGUF files, used in place. Option (repeatable):
\\fB\\%\\-\\-models\\-folder\\fR \\fIdir\\fR. Environment:
\\fB\\%DROVER_MODELS_FOLDERS\\fR.
`);
});

test('all of it is ASCII, and a line of text is never taken for a request', () => {
  expect(page).not.toMatch(/[^\n -~]/);
  expect(filled(escaped(`${'x '.repeat(38)}xy .config is read`))).toContain('\n\\&.config');
  expect(escaped('a\\b "c" \'d\' -e ü')).toBe('a\\eb \\(dqc\\(dq \\(aqd\\(aq \\-e \\[u00FC]');
  const known = /^\.(TH|SH|TP|PP|RS|RE|nf|fi|br)( |$)/;
  const requests = page.split('\n').filter((line) => /^[.']/.test(line));
  expect(requests.filter((line) => !known.test(line))).toEqual([]);
});

test('the executable prints the same every time; without a date of the build there is none', async () => {
  const run = () => cli(['man'], cleanEnvironment(folder.path));
  const [first, second] = [await run(), await run()];
  expect(first).toEqual(second);
  expect(first.exitCode).toBe(0);
  expect(first.stdout).toMatch(/^\.TH DROVER 1 "(\d{4}-\d\d-\d\d)?" "Drover \d/);
  expect(manualPage({ version: '1', builtAt: null })).toStartWith('.TH DROVER 1 "" "Drover 1"');
});
