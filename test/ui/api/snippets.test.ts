// Snippets for other programs: whatever a model or a key is called, each stays one word, one string, one value.
import { expect, test } from 'bun:test';
import { parse } from 'yaml';
import { SNIPPETS, type SnippetPlace } from '../../../src/ui/pages/api/snippets.ts';

const odd: SnippetPlace = {
  origin: 'http://127.0.0.1:5800',
  model: `it's "odd": $(x) \\ 模型`,
  key: `k'e"y`,
  contextTokens: null,
};
const textOf = (id: string, place = odd): string => SNIPPETS.find((snippet) => snippet.id === id)?.text(place) ?? '';

test('words of a shell are words, whatever is in them', () => {
  for (const id of ['claude', 'aider']) {
    const script = textOf(id).replace(/^(claude|aider)/m, 'printf "%s\\n"');
    const run = Bun.spawnSync([
      'bash',
      '-c',
      `${script}; printf "%s\\n" "$ANTHROPIC_MODEL" "$OPENAI_API_KEY$ANTHROPIC_AUTH_TOKEN"`,
    ]);
    const lines = run.stdout.toString().split('\n');
    expect(run.exitCode).toBe(0);
    expect(lines).toContain(odd.key ?? '');
    expect(lines.some((line) => line.endsWith(odd.model))).toBe(true);
  }
});

test('YAML, JSON and TOML say what was meant', () => {
  const continued = parse(textOf('continue')) as { models: { model: string; apiKey: string }[] };
  expect(continued.models[0]).toMatchObject({ model: odd.model, apiKey: odd.key });
  expect(JSON.parse(textOf('opencode'))).toMatchObject({ model: `drover/${odd.model}` });
  expect(JSON.parse(textOf('zed'))).toHaveProperty('language_models.openai_compatible.Drover.available_models');
  expect(Bun.TOML.parse(textOf('codex'))).toMatchObject({ model: odd.model, model_provider: 'drover' });
});

test('none mentions a key where none is needed but those that insist on one', () => {
  const open = { ...odd, key: null };
  const speaking = SNIPPETS.filter((snippet) => /key|token|Bearer/i.test(snippet.text(open)) && snippet.id !== 'zed');
  expect(speaking.map(({ id }) => id)).toEqual(['python', 'typescript', 'claude', 'aider']);
});
