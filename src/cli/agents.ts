// What points a coding agent at a server: variables and words for one run, never a file of somebody's. Pure. Sources:
// https://code.claude.com/docs/en/env-vars, https://developers.openai.com/codex/config-reference,
// https://opencode.ai/docs/config, https://aider.chat/docs/llms/openai-compat.html

export interface AgentPlace {
  /** `http://127.0.0.1:5800`, no slash at its end. */
  readonly origin: string;
  readonly model: string;
  /** Null: the server needs none. */
  readonly key: string | null;
  /** What the model runs with, or was trained for; null: unknown. */
  readonly contextTokens: number | null;
}

export interface AgentCall {
  /** Null: it is taken away, since it would win over the others. */
  readonly environment: Readonly<Record<string, string | null>>;
  /** Before the person's own. */
  readonly words: readonly string[];
}

export interface Agent {
  readonly name: string;
  readonly program: string;
  /** How to get it. */
  readonly install: string;
  readonly callFor: (place: AgentPlace) => AgentCall;
}

/** Programs that insist on a key get a word where the server needs none. */
const keyOr = (key: string | null): string => key ?? 'none';

export const AGENTS: Readonly<Record<string, Agent>> = {
  claude: {
    name: 'Claude Code',
    program: 'claude',
    install: 'npm install -g @anthropic-ai/claude-code',
    callFor: ({ origin, model, key }) => ({
      environment: {
        ANTHROPIC_BASE_URL: origin,
        ANTHROPIC_AUTH_TOKEN: keyOr(key),
        ANTHROPIC_API_KEY: null,
        CLAUDE_CODE_USE_BEDROCK: null,
        CLAUDE_CODE_USE_VERTEX: null,
        CLAUDE_CODE_USE_FOUNDRY: null,
        ANTHROPIC_MODEL: model,
        // What it asks of other sizes goes to the same one, so that none has to be loaded in between.
        ANTHROPIC_DEFAULT_OPUS_MODEL: model,
        ANTHROPIC_DEFAULT_SONNET_MODEL: model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
        // Else each prompt begins with a line that changes, and nothing of it is ever found in the engine's cache.
        CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      },
      // Some versions look for it in settings alone; these go before all files.
      words: ['--settings', JSON.stringify({ env: { CLAUDE_CODE_ATTRIBUTION_HEADER: '0' } })],
    }),
  },
  codex: {
    name: 'Codex',
    program: 'codex',
    install: 'npm install -g @openai/codex',
    callFor: ({ origin, model, key, contextTokens }) => ({
      environment: { DROVER_KEY: keyOr(key) },
      // Values are TOML, of which JSON's texts are a part.
      words: [
        ...['--model', model, '--config', 'model_provider="drover"'],
        ...['--config', 'model_providers.drover.name="Drover"'],
        ...['--config', `model_providers.drover.base_url=${JSON.stringify(`${origin}/v1`)}`],
        ...['--config', 'model_providers.drover.wire_api="responses"'],
        ...['--config', 'model_providers.drover.env_key="DROVER_KEY"'],
        ...(contextTokens === null ? [] : ['--config', `model_context_window=${contextTokens}`]),
      ],
    }),
  },
  opencode: {
    name: 'OpenCode',
    program: 'opencode',
    install: 'npm install -g opencode-ai',
    callFor: ({ origin, model, key, contextTokens }) => ({
      environment: {
        OPENCODE_CONFIG_CONTENT: JSON.stringify({
          model: `drover/${model}`,
          small_model: `drover/${model}`,
          provider: {
            drover: {
              npm: '@ai-sdk/openai-compatible',
              name: 'Drover',
              options: { baseURL: `${origin}/v1`, apiKey: keyOr(key) },
              models: {
                [model]: {
                  name: model,
                  ...(contextTokens === null
                    ? {}
                    : { limit: { context: contextTokens, output: Math.min(8192, Math.floor(contextTokens / 4)) } }),
                },
              },
            },
          },
        }),
      },
      words: [],
    }),
  },
  aider: {
    name: 'aider',
    program: 'aider',
    install: 'pipx install aider-chat',
    callFor: ({ origin, model, key }) => ({
      environment: { OPENAI_API_BASE: `${origin}/v1`, OPENAI_API_KEY: keyOr(key) },
      words: ['--model', `openai/${model}`, '--no-show-model-warnings'],
    }),
  },
};

/** A line of a shell for each variable, then the command. */
export function shellLines(
  program: string,
  { environment, words }: AgentCall,
  shell: 'posix' | 'powershell',
): readonly string[] {
  const isPosix = shell === 'posix';
  const [asValue, asWord] = isPosix ? [posixWord, posixWord] : [powershellText, powershellWord];
  return [
    ...Object.entries(environment).map(([name, value]) => {
      if (value === null) return isPosix ? `unset ${name}` : `Remove-Item Env:${name} -ErrorAction Ignore`;
      return isPosix ? `export ${name}=${asValue(value)}` : `$env:${name} = ${asValue(value)}`;
    }),
    [program, ...words.map(asWord)].join(' '),
  ];
}

const posixWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
/** As a value it is always a text: a bare word would be taken for a command. */
const powershellText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const powershellWord = (text: string): string => (/^[\w./:-]+$/.test(text) ? text : powershellText(text));
