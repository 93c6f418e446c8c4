// The examples as they are: well formed, of settings and verbs that there are, pointing where something answers; the
// proxies and clients really run.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { optionsOf } from '../src/cli/option-table.ts';
import { VERBS } from '../src/cli/verbs.ts';
import { parseConfig } from '../src/config/document.ts';
import { SETTINGS } from '../src/config/schema.ts';
import { systemdUnit } from '../src/service/systemd-unit.ts';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { findPython } from './fixtures/python.ts';
import { findProxy, NAME, startProxy } from './fixtures/reverse-proxy.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const ROOT = join(import.meta.dir, '..');
const EXAMPLES = join(ROOT, 'examples');
const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.\w+$|Caddyfile$/.test(name))
  .sort();
const textOf = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');
const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
const written: readonly (readonly [name: string, text: string])[] = [
  ...documents.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')] as const),
  ...files.map((name) => [`examples/${name}`, textOf(name)] as const),
];

describe('what is written', () => {
  test('every example has its line in the list, and every link leads somewhere', () => {
    const listed = [...textOf('README.md').matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path ?? '');
    expect(listed.sort()).toEqual(files.filter((name) => name !== 'README.md'));
    for (const name of documents) {
      const links = [...readFileSync(join(ROOT, name), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)];
      for (const [, path] of links)
        expect([name, path, existsSync(join(ROOT, path ?? ''))]).toEqual([name, path, true]);
    }
  });

  test('YAML, JSON and TOML are well formed', () => {
    for (const name of files) {
      if (/\.ya?ml$/.test(name)) expect(parse(textOf(name))).toBeObject();
      if (/\.json$/.test(name)) JSON.parse(textOf(name));
      if (/\.toml$/.test(name)) expect(Bun.TOML.parse(textOf(name))).toBeObject();
    }
  });

  test('every variable of ours is one', () => {
    const known = new Set([
      ...Object.values(SETTINGS).flatMap(({ env }) => (env === null ? [] : [env])),
      // Folders; of the tests; what other programs are told to call their key.
      ...['DROVER_DATA_DIR', 'DROVER_CONFIG', 'DROVER_TEST_CACHE', 'DROVER_KEY', 'DROVER_API_KEY'],
    ]);
    const named = written.flatMap(([name, text]) =>
      [...text.matchAll(/\bDROVER_[A-Z_]*[A-Z]/g)].map(([found]) => `${name}: ${found}`),
    );
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((line) => !known.has(line.split(': ')[1] ?? ''))).toEqual([]);
  });

  test('every command of ours is one, with its options, actions and settings', () => {
    const wrong: string[] = [];
    let count = 0;
    for (const [name, text] of written) {
      for (const line of commandsIn(name, text)) {
        count += 1;
        wrong.push(...wrongIn(line).map((why) => `${name}: “${line}”: ${why}`));
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(55);
    // It would tell.
    expect(wrongIn('drover fly')).not.toEqual([]);
    expect(wrongIn('drover serve --wings')).not.toEqual([]);
    expect(wrongIn('drover engine ls | fly')).not.toEqual([]);
    expect(wrongIn('drover config set wings 2')).not.toEqual([]);
  });

  test('the configuration that the README shows is one, without a warning', () => {
    const shown = /```yaml\n([\s\S]+?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';
    const { values, warnings } = parseConfig(shown, 'README.md');
    expect(warnings).toEqual([]);
    expect(Object.keys(values)).toContain('models');
  });

  test('containers: the executable and the settings that they name are there, and only loopback is published', () => {
    const { services } = parse(textOf('docker/compose.yaml')) as {
      services: { drover: { ports: string[]; volumes: string[]; environment: Record<string, string> } };
    };
    const { ports, volumes, environment } = services.drover;
    for (const port of ports) expect(port).toStartWith('127.0.0.1:');
    const [binary = ''] = (volumes[0] ?? '').split(':');
    expect(existsSync(join(EXAMPLES, 'docker', binary))).toBe(true);
    expect(environment.DROVER_LISTEN).toEndWith(':5800');
    const { services: added } = parse(textOf('docker/compose.nvidia.yaml')) as { services: Record<string, unknown> };
    expect(Object.keys(added)).toEqual(['drover']);
  });

  test.if(Bun.which('systemd-analyze') !== null)('the drop-in says nothing that systemd does not know', () => {
    using folder = temporaryFolder('examples-systemd');
    const job = { scope: 'system', argv: ['/bin/true', 'serve'], dataFolder: '/var/lib/drover', groups: [] } as const;
    const drop = join(folder.path, 'drover.service.d', 'limits.conf');
    mkdirSync(dirname(drop), { recursive: true });
    writeFileSync(
      join(folder.path, 'drover.service'),
      systemdUnit(job as unknown as Parameters<typeof systemdUnit>[0]),
    );
    copyFileSync(join(EXAMPLES, 'systemd/limits.conf'), drop);
    const verify = (): string => {
      const argv = ['systemd-analyze', 'verify', '--man=no', join(folder.path, 'drover.service')];
      const run = Bun.spawnSync(argv, {
        env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder.path}:` },
        stderr: 'pipe',
      });
      return run.stderr.toString();
    };
    expect(verify()).not.toMatch(/limits\.conf/);
    // It would tell; what is commented out is meant to be taken as it stands.
    const all = textOf('systemd/limits.conf').replace(/^# ([A-Z]\w+=)/gm, '$1');
    expect(all).toContain('\nAllowedCPUs=');
    writeFileSync(drop, all);
    expect(verify()).not.toMatch(/limits\.conf/);
    writeFileSync(drop, `${all}\nWings=2\n`);
    expect(verify()).toMatch(/limits\.conf.*Wings/);
  });
});

/** Of documents what stands as code, of examples all of it. */
function commandsIn(name: string, text: string): readonly string[] {
  const code = name.endsWith('.md')
    ? [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm), ...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`]+)`/g)]
        .map(([, inside]) => inside ?? '')
        .join('\n')
    : text.replace(/command: \[(.*)\]/g, (_, words: string) => words.replaceAll(',', ''));
  return (
    code
      .replace(/\n {4,}\[/g, ' [')
      .split(/[\n;"]/)
      .map((line) => line.replace(/\s+#.*$/, ''))
      .flatMap((line) => /(?:^|[\s(/])(drover (?!drover\b).*)$/.exec(line)?.[1] ?? [])
      // Several in a line, as in the README's table.
      .flatMap((line) => line.split(' · ').map((part) => part.trim().replace(/^(?!drover)/, 'drover ')))
      .filter((line) => /^drover (-|[a-z]+\b(?!:))/.test(line) && !line.startsWith('drover listening'))
  );
}

function wrongIn(line: string): readonly string[] {
  const [, first = '', ...words] = line.split(/\s+/);
  const verb = VERBS.find(({ name, aliases }) => name === first || aliases?.includes(first) === true) ?? null;
  if (verb === null && !first.startsWith('-') && first !== 'help') return [`no verb ${first}`];
  const known = optionsOf(verb).flatMap(({ long, short }) => [long, short]);
  const options = [...line.matchAll(/(?<=[\s[])-{1,2}[a-z][a-z-]*/gi)].map(([option]) => option);
  const wrong = options.filter((option) => !known.includes(option)).map((option) => `no option ${option}`);
  const action = words[0] ?? '';
  if (verb?.actions !== undefined) {
    const asked = words
      .join(' ')
      .split('|')
      .map((part) => part.trim().replace(/^\[/, '').split(' ')[0] ?? '');
    for (const word of asked)
      if (/^[a-z]+$/.test(word) && !verb.actions.includes(word)) wrong.push(`no action ${word}`);
  }
  if (first === 'config' && ['set', 'unset'].includes(action) && /^[a-z]/.test(words[1] ?? '')) {
    if (!Object.hasOwn(SETTINGS, words[1]?.split('.')[0] ?? '')) wrong.push(`no setting ${words[1]}`);
  }
  return wrong;
}

describe('against a real engine', () => {
  const models = temporaryFolder('examples-models');
  let drover: RunningDrover;
  beforeAll(async () => {
    writeFileSync(join(models.path, 'qwen3.gguf'), tinyLlama({ name: 'Qwen3 4B' }));
    drover = await startDrover({ modelsFolders: [models.path] });
    await drover.waitForLine(/engine ready/);
    const { models: found } = await drover.json<{ models: { id: string; path: string | null }[] }>('/drover/models');
    const id = found.find(({ path }) => path?.endsWith('qwen3.gguf') === true)?.id ?? '';
    await drover.json('/drover/models/load', { model: id });
    model = id;
  });
  afterAll(async () => {
    await drover?.[Symbol.asyncDispose]();
    models[Symbol.dispose]();
  });
  let model = '';

  /** What the example says, with this server in the place of the usual one. */
  const here = (url: string | undefined): string => {
    expect(url).toStartWith('http://127.0.0.1:5800');
    return (url ?? '').replace('http://127.0.0.1:5800', drover.url);
  };
  const messages = [{ role: 'user', content: 'Hello!' }];
  const ask = async (url: string, key: string, body: Record<string, unknown>): Promise<Response> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ model, ...body }) });
    expect([url, answer.status, answer.ok ? '' : await answer.clone().text()]).toEqual([url, 200, '']);
    return answer;
  };
  const chat = (url: string, key: string) => ask(url, key, { messages, max_tokens: 4, stream: true });

  test('editors and front ends ask where something answers, with any key where none is needed', async () => {
    const editor = parse(textOf('editors/continue.yaml')) as { models: { apiBase: string; apiKey: string }[] };
    const [first] = editor.models;
    await chat(`${here(first?.apiBase)}/chat/completions`, first?.apiKey ?? '');
    const zed = JSON.parse(textOf('editors/zed.json')) as {
      language_models: { openai_compatible: { Drover: { api_url: string } } };
    };
    await chat(`${here(zed.language_models.openai_compatible.Drover.api_url)}/chat/completions`, 'none');
    const [code] = JSON.parse(textOf('editors/vscode.json')) as { apiKey: string; models: { url: string }[] }[];
    await chat(here(code?.models[0]?.url), code?.apiKey ?? '');
    const { services } = parse(textOf('open-webui/compose.yaml')) as {
      services: Record<string, { environment: Record<string, string> }>;
    };
    const base = here(services['open-webui']?.environment.OPENAI_API_BASE_URL);
    expect(await (await fetch(`${base}/models`)).text()).toContain(model);
  });

  test('agents do, each by its own API', async () => {
    const codex = Bun.TOML.parse(textOf('agents/codex.toml')) as {
      model_provider: string;
      model_providers: Record<string, { base_url: string; wire_api: string }>;
    };
    const provider = codex.model_providers[codex.model_provider];
    expect(provider?.wire_api).toBe('responses');
    const said = await ask(`${here(provider?.base_url)}/responses`, 'none', {
      input: 'Hello!',
      max_output_tokens: 4,
      stream: true,
    });
    expect(await said.text()).toContain('event: response.completed');
    const variables = Object.fromEntries(
      [...textOf('agents/claude-code.sh').matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    const claude = await ask(
      `${here(variables.ANTHROPIC_BASE_URL)}/v1/messages?beta=true`,
      variables.ANTHROPIC_AUTH_TOKEN,
      { messages, max_tokens: 4, stream: true },
    );
    expect(await claude.text()).toContain('event: message_stop');
    await ask(`${here(variables.ANTHROPIC_BASE_URL)}/v1/messages/count_tokens`, 'none', { messages });
    const code = JSON.parse(textOf('agents/opencode.json')) as {
      model: string;
      provider: { drover: { options: { baseURL: string; apiKey: string }; models: Record<string, unknown> } };
    };
    expect(code.model).toBe(`drover/${Object.keys(code.provider.drover.models)[0]}`);
    await chat(`${here(code.provider.drover.options.baseURL)}/chat/completions`, code.provider.drover.options.apiKey);
    const aider = parse(textOf('agents/aider.conf.yml')) as Record<string, string>;
    expect(aider.model).toStartWith('openai/');
    await chat(`${here(aider['openai-api-base'])}/chat/completions`, aider['openai-api-key'] ?? '');
  });

  const run = async (argv: readonly string[], key = 'none') => {
    const child = Bun.spawn([...argv], {
      env: { PATH: process.env.PATH ?? '', OPENAI_BASE_URL: `${drover.url}/v1`, OPENAI_API_KEY: key, NO_PROXY: '*' },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { exitCode: await child.exited, stdout, stderr };
  };
  const clients: readonly (readonly [name: string, argv: readonly string[] | null])[] = [
    ['chat.py', findPython() === null ? null : [findPython() ?? '', join(EXAMPLES, 'clients/chat.py')]],
    ['chat.mjs with Bun', [process.execPath, join(EXAMPLES, 'clients/chat.mjs')]],
    ['chat.mjs with Node', Bun.which('node') === null ? null : ['node', join(EXAMPLES, 'clients/chat.mjs')]],
  ];
  for (const [name, argv] of clients) {
    test.if(argv !== null)(`${name} prints what the model says, and says why where it cannot`, async () => {
      const done = await run([...(argv ?? []), model, 'Hello', 'there!']);
      expect([done.exitCode, done.stderr]).toEqual([0, '']);
      expect(done.stdout.length).toBeGreaterThan(20);
      const failed = await run([...(argv ?? []), 'no-such-model', 'Hello!']);
      expect([failed.exitCode, failed.stdout.trim()]).toEqual([1, '']);
      expect(failed.stderr).toMatch(/404: .*no-such-model/);
      expect((await run(argv ?? [])).stderr).toContain('usage:');
    });
  }

  test.if(Bun.which('curl') !== null)('chat.sh asks all that it says', async () => {
    const done = await run(['sh', join(EXAMPLES, 'clients/chat.sh'), model]);
    expect([done.exitCode, done.stderr]).toEqual([0, '']);
    for (const sign of [`"id":"${model}"`, 'data: [DONE]', '"type":"message"', '"object":"response"']) {
      expect(done.stdout).toContain(sign);
    }
  });
});

for (const name of ['nginx', 'caddy'] as const) {
  const isHere = (await findProxy(name)) !== null;
  describe.if(isHere)(`behind ${name} with TLS`, () => {
    const data = temporaryFolder(`examples-${name}`);
    let drover: RunningDrover;
    let key = '';
    beforeAll(async () => {
      const engine = `'${process.execPath}' '${join(import.meta.dir, 'fixtures/gated-engine.ts')}' \${PORT}`;
      writeFileSync(
        join(data.path, 'config.yaml'),
        `hostNames: [${NAME}]\nauth: true\nmodels:\n  gated: { cmd: "${engine}", checkEndpoint: /health }\n`,
      );
      drover = await startDrover({ dataFolder: data.path, engine: null, args: ['--offline'] });
      key = (await drover.cli('keys', 'add', 'laptop')).stdout.trim();
    });
    afterAll(async () => {
      await drover?.[Symbol.asyncDispose]();
      data[Symbol.dispose]();
    });
    const withKey = () => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' });
    const release = () => drover.request('/upstream/gated/release', { method: 'POST', headers: withKey() });
    const asks = (signal?: AbortSignal) => ({
      method: 'POST',
      headers: withKey(),
      body: JSON.stringify({ model: 'gated', stream: true, messages: [{ role: 'user', content: 'Hello!' }] }),
      ...(signal === undefined ? {} : { signal }),
    });

    test('each frame of a chat comes when it is sent, and a client that leaves is gone for the engine', async () => {
      await using proxy = await startProxy(name, join(data.path, 'proxy'), drover.url);
      const answer = await proxy.fetch('/v1/chat/completions', asks());
      expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, null]);
      const frames = answer.body?.getReader();
      const next = async (): Promise<string> => new TextDecoder().decode((await frames?.read())?.value);
      // The engine sends nothing more until it is told to: what is here now was not held back.
      for (const frame of [1, 2, 3]) {
        expect(await next()).toContain(`{"frame":${frame}}`);
        await release();
      }
      expect(await next()).toContain('[DONE]');
      const leaving = new AbortController();
      const second = await proxy.fetch('/v1/chat/completions', asks(leaving.signal));
      await second.body?.getReader().read();
      leaving.abort();
      const left = await drover.request('/upstream/gated/left', { headers: withKey() });
      expect(await left.text()).toBe('left');
    });

    test('the guard lets the name in and no other, asks for a key, and takes the page’s own origin', async () => {
      await using proxy = await startProxy(name, join(data.path, 'proxy'), drover.url);
      expect((await proxy.fetch('/v1/models')).status).toBe(401);
      expect((await proxy.fetch('/v1/models', { headers: withKey() })).status).toBe(200);
      expect((await proxy.fetch('/ui/')).status).toBe(200);
      const stop = (origin: string) => ({
        method: 'POST',
        headers: { ...withKey(), origin },
        body: JSON.stringify({ all: true }),
      });
      expect((await proxy.fetch('/drover/models/stop', stop(proxy.origin))).status).toBe(200);
      expect((await proxy.fetch('/drover/models/stop', stop('https://example.com'))).status).toBe(403);
      const other = { headers: { ...withKey(), host: 'models.example.com' } };
      expect((await drover.request('/v1/models', other)).status).toBe(403);
    });
  });
}
