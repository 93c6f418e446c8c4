// Lines to copy that make other programs talk to this server: filled with its address, a model and a place for the key.
// Pure. Names of settings are those of each program's own documents.

export interface SnippetPlace {
  /** `http://127.0.0.1:5800`, no last slash. */
  readonly origin: string;
  readonly model: string;
  /** The key itself, a word that stands for it, or null where none is needed. */
  readonly key: string | null;
  /** What the model was trained for, or runs with; null: unknown. */
  readonly contextTokens: number | null;
}

export interface Snippet {
  readonly id: string;
  readonly name: string;
  readonly group: 'code' | 'agents' | 'editors';
  /** The file that it belongs into; null: a terminal or a program. */
  readonly file: string | null;
  readonly text: (place: SnippetPlace) => string;
}

/** Programs that insist on a key get a word where the server needs none. */
const keyOr = (key: string | null): string => key ?? 'none';
/** As a word of a POSIX shell. */
const quoted = (text: string): string => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const json = (value: unknown): string => JSON.stringify(value, null, 2);

export const SNIPPETS: readonly Snippet[] = [
  {
    id: 'curl',
    name: 'curl',
    group: 'code',
    file: null,
    text: ({ origin, model, key }) => {
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }] });
      const lines = [
        `curl ${quoted(`${origin}/v1/chat/completions`)}`,
        "  -H 'Content-Type: application/json'",
        ...(key === null ? [] : [`  -H ${quoted(`Authorization: Bearer ${key}`)}`]),
        `  -d ${quoted(body)}`,
      ];
      return lines.join(' \\\n');
    },
  },
  {
    id: 'python',
    name: 'Python',
    group: 'code',
    file: null,
    text: ({ origin, model, key }) =>
      [
        '# pip install openai',
        'from openai import OpenAI',
        '',
        `client = OpenAI(base_url=${JSON.stringify(`${origin}/v1`)}, api_key=${JSON.stringify(keyOr(key))})`,
        'stream = client.chat.completions.create(',
        `    model=${JSON.stringify(model)},`,
        '    messages=[{"role": "user", "content": "Hello!"}],',
        '    stream=True,',
        ')',
        'for chunk in stream:',
        '    if chunk.choices:',
        '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
      ].join('\n'),
  },
  {
    id: 'typescript',
    name: 'TypeScript',
    group: 'code',
    file: null,
    text: ({ origin, model, key }) =>
      [
        '// npm install openai',
        "import OpenAI from 'openai';",
        '',
        `const client = new OpenAI({ baseURL: ${JSON.stringify(`${origin}/v1`)}, apiKey: ${JSON.stringify(keyOr(key))} });`,
        'const stream = await client.chat.completions.create({',
        `  model: ${JSON.stringify(model)},`,
        "  messages: [{ role: 'user', content: 'Hello!' }],",
        '  stream: true,',
        '});',
        "for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '');",
      ].join('\n'),
  },
  {
    id: 'javascript',
    name: 'JavaScript',
    group: 'code',
    file: null,
    text: ({ origin, model, key }) =>
      [
        `const answer = await fetch(${JSON.stringify(`${origin}/v1/chat/completions`)}, {`,
        "  method: 'POST',",
        '  headers: {',
        "    'Content-Type': 'application/json',",
        ...(key === null ? [] : [`    Authorization: ${JSON.stringify(`Bearer ${key}`)},`]),
        '  },',
        '  body: JSON.stringify({',
        `    model: ${JSON.stringify(model)},`,
        "    messages: [{ role: 'user', content: 'Hello!' }],",
        '  }),',
        '});',
        'const { choices } = await answer.json();',
        'console.log(choices[0].message.content);',
      ].join('\n'),
  },
  {
    id: 'claude',
    name: 'Claude Code',
    group: 'agents',
    file: null,
    text: ({ origin, model, key }) =>
      [
        `export ANTHROPIC_BASE_URL=${quoted(origin)}`,
        `export ANTHROPIC_AUTH_TOKEN=${quoted(keyOr(key))}`,
        `export ANTHROPIC_MODEL=${quoted(model)}`,
        'claude',
      ].join('\n'),
  },
  {
    id: 'codex',
    name: 'Codex',
    group: 'agents',
    file: '~/.codex/config.toml',
    text: ({ origin, model, key }) =>
      [
        `model = ${JSON.stringify(model)}`,
        'model_provider = "drover"',
        '',
        '[model_providers.drover]',
        'name = "Drover"',
        `base_url = ${JSON.stringify(`${origin}/v1`)}`,
        'wire_api = "responses"',
        ...(key === null
          ? []
          : ['env_key = "DROVER_KEY"', '', `# before codex starts: export DROVER_KEY=${quoted(key)}`]),
      ].join('\n'),
  },
  {
    id: 'opencode',
    name: 'OpenCode',
    group: 'agents',
    file: '~/.config/opencode/opencode.json',
    text: ({ origin, model, key }) =>
      json({
        $schema: 'https://opencode.ai/config.json',
        model: `drover/${model}`,
        provider: {
          drover: {
            npm: '@ai-sdk/openai-compatible',
            name: 'Drover',
            options: { baseURL: `${origin}/v1`, ...(key === null ? {} : { apiKey: key }) },
            models: { [model]: { name: model } },
          },
        },
      }),
  },
  {
    id: 'aider',
    name: 'aider',
    group: 'agents',
    file: null,
    text: ({ origin, model, key }) =>
      [
        `export OPENAI_API_BASE=${quoted(`${origin}/v1`)}`,
        `export OPENAI_API_KEY=${quoted(keyOr(key))}`,
        `aider --model ${quoted(`openai/${model}`)}`,
      ].join('\n'),
  },
  {
    id: 'continue',
    name: 'Continue (VS Code, JetBrains)',
    group: 'editors',
    file: '~/.continue/config.yaml',
    text: ({ origin, model, key }) =>
      [
        'name: Drover',
        'version: 0.0.1',
        'schema: v1',
        'models:',
        `  - name: ${JSON.stringify(model)}`,
        '    provider: openai',
        `    model: ${JSON.stringify(model)}`,
        `    apiBase: ${JSON.stringify(`${origin}/v1`)}`,
        ...(key === null ? [] : [`    apiKey: ${JSON.stringify(key)}`]),
        '    roles: [chat, edit, apply]',
      ].join('\n'),
  },
  {
    id: 'zed',
    name: 'Zed',
    group: 'editors',
    file: 'settings.json',
    text: ({ origin, model, contextTokens }) =>
      json({
        language_models: {
          openai_compatible: {
            Drover: {
              api_url: `${origin}/v1`,
              available_models: [{ name: model, display_name: model, max_tokens: contextTokens ?? 8192 }],
            },
          },
        },
      }),
  },
];
