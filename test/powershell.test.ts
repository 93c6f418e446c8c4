// Every script for PowerShell, those that we ship and those that we run, is one by its grammar.
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shellLines } from '../src/cli/agents.ts';
import { CIM_SCRIPT } from '../src/hardware/gpu-windows.ts';
import { planFor } from '../src/service/plan.ts';
import { cleanEnvironment, cli, temporaryFolder } from './fixtures/drover.ts';
import { mistakesIn } from './fixtures/grammars.ts';

test('the one that installs', async () => {
  const script = readFileSync(join(import.meta.dir, '../release/install.ps1'), 'utf8');
  expect(script).toContain('Install-Drover');
  expect(await mistakesIn('powershell', script)).toEqual([]);
});

test('the one that completes', async () => {
  using folder = temporaryFolder('completion of powershell');
  const { stdout } = await cli(['completion', 'powershell'], cleanEnvironment(folder.path));
  expect(stdout).toContain('Register-ArgumentCompleter');
  expect(await mistakesIn('powershell', stdout)).toEqual([]);
});

test('the one that asks for graphics cards', async () => {
  expect(CIM_SCRIPT).toContain('Win32_VideoController');
  expect(await mistakesIn('powershell', CIM_SCRIPT)).toEqual([]);
});

test('the one that asks for the task', async () => {
  const job = { scope: 'user', argv: ['C:\\drover.exe', 'serve'], dataFolder: 'C:\\data', groups: [] } as const;
  const { status } = planFor(job, { home: '', userId: 0, userName: 'ada', configFolder: '' }, 'win32');
  const [program, ...words] = status.argv;
  expect([program, words.at(-2)]).toEqual(['powershell', '-Command']);
  expect(await mistakesIn('powershell', words.at(-1) ?? '')).toEqual([]);
});

test('the lines that start an agent', async () => {
  const values = { environment: { A: "it's $x `n", B: null, C: 'plain' }, words: ['--x', "{a: 'b; c'}", '$(d)'] };
  expect(await mistakesIn('powershell', shellLines('claude', values, 'powershell').join('\n'))).toEqual([]);
});

test.each(['if ($x { }', '"open', 'function f { param(', "@'\nnever ended"])('%p is none', async (script) => {
  expect(await mistakesIn('powershell', script)).not.toEqual([]);
});
