import { expect, test } from 'bun:test';
import { wantedAt } from '../../src/cli/candidates.ts';
import { makeProgram } from '../../src/cli/command-line.ts';
import { VERBS } from '../../src/cli/verbs.ts';

const wordsAt = (line: readonly string[], current = ''): readonly string[] =>
  wantedAt(line, current).words.map(({ word }) => word);

test('what is offered is what the command line takes: every verb, alias and option', () => {
  const program = makeProgram(async () => undefined);
  const shown = program.commands.filter((command) => !(command as unknown as { _hidden: boolean })._hidden);
  const names = shown.flatMap((command) => [command.name(), ...command.aliases()]);
  expect([...wordsAt([])].sort()).toEqual([...names, 'help'].sort());
  for (const command of shown) {
    const help = command.createHelp();
    const taken = help.visibleOptions(command).map(({ long }) => long ?? '');
    expect([...wordsAt([command.name()], '-')].sort()).toEqual(taken.sort());
  }
  const taken = program.createHelp().visibleOptions(program);
  expect([...wordsAt([], '-')].sort()).toEqual(taken.map(({ long }) => long ?? '').sort());
});

test('every verb whose first word is an action says which there are', () => {
  const withAction = VERBS.filter(({ words }) => /^[<[](action|shell)/.test(words));
  expect(withAction.length).toBeGreaterThan(5);
  for (const verb of withAction) expect(wordsAt([verb.name])).toEqual(verb.actions ?? ['no actions']);
  for (const verb of VERBS) {
    for (const action of Object.keys(verb.wordsAfter ?? {})) expect(verb.actions).toContain(action);
  }
});

test('options and their values are no words of the verb', () => {
  expect(wordsAt(['--backend', 'cpu', 'engine'])).toContain('rollback');
  expect(wordsAt(['engine', '--backend', 'cpu'])).toContain('rollback');
  expect(wantedAt(['run', '--system', 'be kind'], '').kinds).toEqual(['model']);
  expect(wantedAt(['run', '--system'], 'be').kinds).toEqual([]);
  expect(wantedAt(['run', '--'], '--').words).toEqual([]);
  expect(wantedAt(['run', 'a'], '').kinds).toEqual([]);
});

test('what was given is offered again only where it may be repeated', () => {
  const left = wordsAt(['serve', '--offline', '--models-folder', '/models', '--ttl=5'], '--');
  expect(left).toContain('--models-folder');
  expect(left).not.toContain('--offline');
  expect(left).not.toContain('--ttl');
});

test('values by their kind; behind the sign of equality the whole word is given back', () => {
  expect(wordsAt(['serve', '--log-level'])).toEqual(['debug', 'info', 'warn', 'error']);
  expect(wantedAt(['serve'], '--log-level=w')).toMatchObject({ before: '--log-level=', typed: 'w' });
  expect(wantedAt(['serve', '--config'], '').kinds).toEqual(['file']);
  expect(wantedAt(['pull', '--folder'], '').kinds).toEqual(['directory']);
  expect(wantedAt(['serve', '--preload'], '').kinds).toEqual(['model']);
  expect(wantedAt(['serve', '--host-name'], '')).toMatchObject({ kinds: [], words: [] });
  expect(wantedAt(['keys', 'add', 'x'], '--scopes=chat,te')).toMatchObject({
    before: '--scopes=chat,',
    typed: 'te',
    goesOn: true,
  });
  expect(wordsAt(['config', 'set', 'offline'])).toEqual(['true', 'false']);
  expect(wordsAt(['config', 'set', 'listen'])).toEqual([]);
});

test('where to look names up is read from the line', () => {
  expect(wantedAt(['--data-dir', '/a', 'run', '--config=/b'], '').given).toEqual({ dataDir: '/a', config: '/b' });
});
