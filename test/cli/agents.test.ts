import { describe, expect, test } from 'bun:test';
import { AGENTS, type AgentPlace, shellLines } from '../../src/cli/agents.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { batchCommand } from '../../src/service/foreground.ts';
import { SNIPPETS } from '../../src/ui/pages/api/snippets.ts';

const place: AgentPlace = {
  origin: 'http://127.0.0.1:5800',
  model: 'qwen3 "4b"',
  key: 'it’s $ecret',
  contextTokens: 32_768,
};

/** What a shell makes of the lines: the variables, and the words of the command. */
function asRead(lines: readonly string[]): { readonly environment: Record<string, string>; readonly words: string[] } {
  const command = lines.at(-1) ?? '';
  const script = [
    ...lines.slice(0, -1),
    `set -- ${command}`,
    'for word; do printf "word %s\\0" "$word"; done',
    'env -0',
  ];
  const run = Bun.spawnSync(['sh', '-c', script.join('\n')], {
    env: { ANTHROPIC_API_KEY: 'old', PATH: process.env.PATH },
  });
  const parts = run.stdout.toString().split('\0');
  return {
    words: parts.filter((part) => part.startsWith('word ')).map((part) => part.slice(5)),
    environment: Object.fromEntries(
      parts
        .filter((part) => /^\w+=/.test(part))
        .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
    ),
  };
}

describe.each(Object.entries(AGENTS))('%s', (id, agent) => {
  const call = agent.callFor(place);

  test('is printed so that a shell reads what would be given, whatever is in the names', () => {
    const { environment, words } = asRead(shellLines(agent.program, call, 'posix'));
    expect(words).toEqual([agent.program, ...call.words]);
    for (const [name, value] of Object.entries(call.environment))
      expect(environment[name]).toBe(value ?? (undefined as never));
  });

  test('is offered by completion, and on the page', () => {
    expect(VERBS.find(({ name }) => name === 'launch')?.actions).toContain(id);
    expect(SNIPPETS.map((snippet) => snippet.id)).toContain(id);
  });
});

test('without a key there is a word in its place; without a context none is said', () => {
  const bare = { ...place, key: null, contextTokens: null };
  expect(AGENTS.claude?.callFor(bare).environment.ANTHROPIC_AUTH_TOKEN).toBe('none');
  expect(JSON.stringify(AGENTS.codex?.callFor(bare))).not.toContain('context');
  expect(JSON.stringify(AGENTS.opencode?.callFor(bare))).not.toContain('limit');
});

test('PowerShell gets its own words', () => {
  const lines = shellLines(
    'claude',
    { environment: { A: "it's", B: null, C: 'plain' }, words: ['--x', 'a b'] },
    'powershell',
  );
  expect(lines).toEqual([
    "$env:A = 'it''s'",
    'Remove-Item Env:B -ErrorAction Ignore',
    "$env:C = 'plain'",
    "claude --x 'a b'",
  ]);
});

test('no key is among the words, where every user of the machine could read it', () => {
  for (const agent of Object.values(AGENTS)) expect(agent.callFor(place).words.join(' ')).not.toContain('$ecret');
});

test('a batch file of Windows gets each word whole', () => {
  const [shell, ...rest] = batchCommand('C:\\Program Files\\claude.cmd', ['--x', 'a "b" & c\\'], 'cmd.exe');
  expect([shell, ...rest.slice(0, 3)]).toEqual(['cmd.exe', '/d', '/s', '/c']);
  // What cmd.exe makes of a line by reading it once: a caret takes the meaning of the sign behind it away, and goes.
  const once = (text: string): string => text.replace(/\^(.)/g, '$1');
  const line = (rest[3] ?? '').slice(1, -1);
  const inBatch = once(line);
  expect(inBatch.startsWith('C:\\Program Files\\claude.cmd ')).toBe(true);
  // By the rules of CommandLineToArgvW, after the second reading.
  expect(once(inBatch.slice('C:\\Program Files\\claude.cmd '.length))).toBe('"--x" "a \\"b\\" & c\\\\"');
});
