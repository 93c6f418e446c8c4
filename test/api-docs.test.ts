// The API document against the compiled executable and the real engine: the document is well made, it names every route
// and no other, every example is accepted as it stands, and every answer is as it says, refusals among them.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Desks } from '../src/core/desks.ts';
import { createApp } from '../src/server/app.ts';
import { speak } from './fixtures/audio-server.ts';
import { temporaryFolder } from './fixtures/drover.ts';
import { u32 } from './fixtures/gguf-writer.ts';
import { packedEngine } from './fixtures/github/packed-engine.ts';
import { type FakeGithub, nightly, stable, startGithub } from './fixtures/github/server.ts';
import { type FakeHub, startHub } from './fixtures/hub/server.ts';
import { flawsOf, problemsOf } from './fixtures/json-schema.ts';
import {
  answerProblems,
  bodyOf,
  type Document,
  examplesOf,
  filesIn,
  type Operation,
  operationsOf,
  requestOf,
  type Sending,
} from './fixtures/openapi.ts';
import { OPEN_OPTIONS, SmallCore } from './fixtures/real-child.ts';
import { type Line, startLine } from './fixtures/restarts.ts';
import { tinyBert, tinyLlama } from './fixtures/tiny-models.ts';
import { runSession } from './obt/testbed.ts';

/**
 * Operations that take away what others need, in the order in which they are tried, after all others. Each is tried as it
 * then stands in the document: what an example names may have gone meanwhile.
 */
const LAST = [
  'POST /api/models/downloads/{id}/pause',
  'POST /api/models/downloads/{id}/resume',
  'POST /drover/downloads/{id}/pause',
  'POST /drover/downloads/{id}/resume',
  'POST /api/models/download/cancel',
  'POST /drover/downloads/{id}/cancel',
  'DELETE /drover/downloads/{id}',
  'POST /drover/bench/{id}/cancel',
  'DELETE /drover/bench/{id}',
  'DELETE /api/v1/test-sessions/{id}',
  'POST /drover/generate',
  'POST /api/config/generate-all',
  'POST /api/config/regenerate-from-db',
  'DELETE /models/{name}',
  'DELETE /drover/chats/{id}/messages/{message}',
  'DELETE /drover/chats/{id}',
  'DELETE /drover/chats',
  'DELETE /drover/models/{model}',
  'DELETE /api/config/models/{id}',
  'POST /api/config',
  'PATCH /drover/settings',
  'PUT /drover/config',
  'POST /drover/folders',
  'DELETE /drover/folders',
  'DELETE /api/config/folders',
  'POST /drover/engine/rollback',
  'POST /drover/engine/update',
  'POST /api/binary/update',
  'POST /api/binary/update/force',
  'POST /api/instances/{name}/stop',
  'POST /api/instances/{name}/start',
  'POST /api/instances/{name}/restart',
  'POST /api/instances',
  'PUT /api/instances/{name}',
  'DELETE /api/instances/{name}',
  'POST /api/instances/start-all',
  'POST /api/instances/stop-all',
  'POST /api/reset_config',
  'POST /api/clear_cache',
  'POST /api/load_model',
  'POST /api/unload_model',
  'POST /api/models/unload/{id}',
  'POST /api/models/unload',
  'POST /drover/models/stop',
  'GET /unload',
  'POST /unload',
  'POST /system/memory/clear',
  'POST /system/cache/clear',
  'POST /system/restart',
  'POST /api/server/restart',
  'POST /drover/restart',
  'POST /api/server/restart/hard',
  // From then on a key is needed.
  'POST /drover/keys',
];
/** Routes that are in no document: pages for people, and a method that is shown as two others. */
const HIDDEN = [
  ...['ALL /upstream/*', 'GET /', 'GET /docs', 'GET /docs/*', 'GET /ui/', 'GET /ui/*'],
  // LlamaHome's own names in their second place.
  ...['process', 'process_prompt', 'stream', 'load_model', 'unload_model', 'configure_model', 'save_config'].map(
    (name) => `POST /v1/${name}`,
  ),
  ...['reset_config', 'clear_cache', 'shutdown'].map((name) => `POST /v1/${name}`),
  ...['get_config', 'health_check', 'logs', 'diagnostics'].map((name) => `GET /v1/${name}`),
].sort();

const WAIT_MS = 30_000;
const AUDIO_PROGRAM = join(import.meta.dir, 'fixtures', 'audio-server.ts');
const recording = (): File => new File([speak('good day')], 'recording.wav', { type: 'audio/wav' });

const models = temporaryFolder('api-docs-models');
const dataFolder = mkdtempSync(join(tmpdir(), 'drover-api-docs-'));
let line: Line | null = null;
let hub: FakeHub | null = null;
let github: FakeGithub | null = null;
afterAll(async () => {
  await line?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  await github?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
  rmSync(dataFolder, { recursive: true, force: true });
});

const GEMMA = 'ggml-org/gemma-3-1b-it-GGUF';

/** What the examples ask the hub for, and something to wait for in vain. */
async function startTestHub(): Promise<FakeHub> {
  const endless = tinyLlama({ name: 'Endless', blockCount: 12 });
  const running = await startHub({
    repositories: [
      {
        id: 'ggml-org/models',
        files: [
          { path: 'tinyllamas/stories260K.gguf', content: tinyLlama({ name: 'Stories' }) },
          { path: 'one.gguf', content: endless },
          { path: 'two.gguf', content: endless },
        ],
      },
      {
        id: GEMMA,
        tags: ['gguf', 'license:gemma'],
        gguf: { total: 999_885_952, architecture: 'gemma3', context_length: 32_768 },
        files: [{ path: 'gemma-3-1b-it-Q4_K_M.gguf', content: tinyLlama({ name: 'Gemma' }) }],
      },
    ],
    // Which an example of ours makes the general one.
    tokens: { hf_exampleexampleexampleexample: [] },
  });
  running.misbehave({
    matches: ({ host, path }) => host === 'cdn' && /(one|two)\.gguf/.test(path),
    stallAfterBytes: 100_000,
  });
  return running;
}

async function startTestGithub(): Promise<FakeGithub> {
  const packed = await packedEngine('llama-b11669');
  const releases = [stable('v0.8.0', 'b11669'), nightly('b11669', { 'llama-b11669-bin-ubuntu-x64.tar.gz': packed })];
  return startGithub(releases);
}

/** A model of each kind that an example speaks of. */
async function start(atHub: FakeHub, atGithub: FakeGithub): Promise<Line> {
  const fim = { pre: 259, suf: 260, mid: 261 };
  const metadata = Object.fromEntries(
    Object.entries(fim).map(([part, id]) => [`tokenizer.ggml.fim_${part}_token_id`, u32(id)]),
  );
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker', metadata }));
  writeFileSync(join(models.path, 'embedder.gguf'), tinyBert({ name: 'Embedder' }));
  writeFileSync(join(models.path, 'ranker.gguf'), tinyBert({ name: 'Ranker', poolingType: 4 }));
  const cmd = JSON.stringify(`"${process.execPath}" "${AUDIO_PROGRAM}" \${PORT}`);
  writeFileSync(
    join(dataFolder, 'config.yaml'),
    `models:\n  tts-tones: { cmd: ${cmd} }\n  whisper-tones: { cmd: ${cmd} }\n`,
  );
  const hosts = [...atHub.hosts, new URL(atGithub.url).host];
  const running = await startLine({
    modelsFolders: [models.path],
    dataFolder,
    engine: null,
    environment: {
      HF_ENDPOINT: atHub.url,
      DROVER_DOWNLOAD_HOSTS: hosts.map((host) => `http://${host}`).join(','),
      DROVER_GITHUB_API: atGithub.url,
      DROVER_GITHUB_DOWNLOADS: atGithub.url,
    },
  });
  await running.first.waitForLine(/engine ready/);
  // Two: each of two operations deletes one.
  for (let count = 0; count < 2; count += 1) {
    await runSession(running.first, { models: ['talker-f32'], testTypes: ['completion'], iterations: 1 });
  }
  for (const title of ['one', 'two']) {
    const messages = [{ role: 'user', content: 'Hello!' }];
    await running.first.json('/drover/chats/import', { title, messages });
  }
  for (const name of ['one', 'two']) {
    const stalled = atHub.nextStall();
    await running.first.json('/api/models/download', { url: atHub.resolve('ggml-org/models', `${name}.gguf`) });
    await stalled;
  }
  return running;
}

hub = await startTestHub();
github = await startTestGithub();
line = await start(hub, github);
const server = line.first;
const document = await server.json<Document>('/docs/json');
const operations = operationsOf(document);
const rankOf = ({ name }: Operation): number => LAST.indexOf(name);
const inOrder = [...operations].sort((left, right) => rankOf(left) - rankOf(right));

/** Once a key was made, everybody needs one. */
let madeKey: string | null = null;
const send = async ({ path, init }: Sending): Promise<Response> => {
  const headers = new Headers(init.headers);
  if (madeKey !== null) headers.set('authorization', `Bearer ${madeKey}`);
  const answer = await server.request(path, { ...init, headers, signal: AbortSignal.timeout(WAIT_MS) });
  if (path === '/drover/keys' && init.method === 'POST' && answer.ok) {
    const { key } = (await answer.clone().json()) as { readonly key: string };
    madeKey = key;
  }
  return answer;
};
const exampleOf = (operation: Operation): unknown => {
  const body = bodyOf(operation);
  return body === null ? undefined : examplesOf(body.media)[0]?.[1];
};

describe('the document', () => {
  test('is OpenAPI 3.1: tags, ids, parameters, bodies, answers, schemas', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Drover', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    const flaws = operations.flatMap((operation) =>
      flawsOfOperation(operation).map((flaw) => `${operation.name}: ${flaw}`),
    );
    for (const [name, schema] of Object.entries(document.components.schemas))
      flaws.push(...flawsOf(schema, document, name));
    expect(flaws).toEqual([]);
    const ids = operations.map(({ object }) => object.operationId);
    expect(ids.length - new Set(ids).size).toBe(0);
    expect([...new Set(operations.flatMap(({ object }) => object.tags))].sort()).toEqual(
      document.tags.map((tag) => tag.name).sort(),
    );
    expect(document.tags.filter((tag) => tag.description === '')).toEqual([]);
  });

  test('leaves no name in an example unfilled, and no schema unused', () => {
    const text = JSON.stringify(document);
    expect(text.match(/\{\{\w+\}\}/g)).toBeNull();
    const unused = Object.keys(document.components.schemas).filter(
      (name) => !text.includes(`"#/components/schemas/${name}"`),
    );
    expect(unused).toEqual([]);
  });

  test('names every route of the server, and no other', () => {
    const { routes } = createApp(new SmallCore([]).drover, { ...OPEN_OPTIONS, desks: {} as Desks });
    const isHidden = (route: (typeof routes)[number]): boolean => route.hooks?.detail?.hide === true;
    const nameOf = ({ method, path }: { readonly method: string; readonly path: string }): string =>
      `${method} ${path}`;
    expect(routes.filter(isHidden).map(nameOf).sort()).toEqual(HIDDEN);
    const isOf = (route: (typeof routes)[number], { method, path }: Operation): boolean =>
      route.method === method && shapeOf(route.path).test(path);
    const shown = routes.filter((route) => !isHidden(route));
    const unnamed = shown.filter((route) => !operations.some((operation) => isOf(route, operation)));
    const unserved = operations.filter((operation) => !shown.some((route) => isOf(route, operation)));
    expect([unnamed.map(nameOf), unserved.map(({ name }) => name)]).toEqual([[], []]);
    expect(operations.length).toBe(shown.length);
  });

  test('asks for a key in one of three ways, but for what is open', () => {
    expect(document.security).toEqual([{}, { bearer: [] }, { header: [] }, { query: [] }]);
    expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer', 'header', 'query']);
    const open = operations.filter(({ object }) => object.security !== undefined);
    const credential = [{ bearer: [] }, { header: [] }, { query: [] }];
    expect(open.map(({ name, object }) => [name, object.security]).sort()).toEqual([
      ['GET /health', []],
      ['POST /api/auth/login', []],
      ['POST /api/auth/refresh', credential],
    ]);
  });
});

/** `/v1/models/*` as a pattern for documented paths, in which every wildcard is a parameter or several. */
function shapeOf(routePath: string): RegExp {
  const escaped = routePath.replace(/[.+?^$()[\]\\|]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:\w+/g, '\\{\\w+\\}').replace(/\*$/, '\\{\\w+\\}(?:/\\{\\w+\\})*')}$`);
}

function flawsOfOperation({ path, object }: Operation): string[] {
  const flaws: string[] = [];
  const must = (isRight: boolean, flaw: string): void => void (isRight || flaws.push(flaw));
  must(/^[a-z]+[A-Za-z0-9]+$/.test(object.operationId), `the id ${object.operationId}`);
  must(object.summary.length > 1 && object.tags.length === 1, 'a summary and one tag');
  const parameters = object.parameters ?? [];
  const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
  must(inPath.sort().join() === (path.match(/\{\w+\}/g) ?? []).sort().join(), 'path parameters are those of the path');
  for (const parameter of parameters) {
    const { name, schema, example } = parameter;
    must((parameter.description ?? '') !== '', `parameter ${name} says what it is`);
    flaws.push(...flawsOf(schema, document, name));
    must(
      parameter.in !== 'path' || (parameter.required && example !== undefined),
      `path parameter ${name} has an example`,
    );
    if (example !== undefined) flaws.push(...problemsOf(example, schema, { root: document, isExact: false }, name));
  }
  const [success, ...others] = Object.keys(object.responses).filter((status) => /^[23]/.test(status));
  must(success !== undefined && others.length === 0, 'one successful answer');
  must(object.responses.default?.content !== undefined, 'the shape of any failure');
  const bodies = [object.requestBody, ...Object.values(object.responses)];
  for (const [type, media] of bodies.flatMap((body) => Object.entries(body?.content ?? {}))) {
    flaws.push(...flawsOf(media.schema, document, type));
    const files = Object.fromEntries(filesIn(media.schema).map((name) => [name, '']));
    for (const [name, example] of examplesOf(media)) {
      const value = type === 'multipart/form-data' ? { ...(example as object), ...files } : example;
      flaws.push(...problemsOf(value, media.schema, { root: document, isExact: false }, `example ${name}`));
    }
  }
  for (const media of Object.values(object.requestBody?.content ?? {})) {
    must(examplesOf(media).length > 0, 'an example of its body');
  }
  return flaws;
}

/** The same operation with another example of one parameter. */
const withExample = (operation: Operation, name: string, example: unknown): Operation => ({
  ...operation,
  object: {
    ...operation.object,
    parameters: (operation.object.parameters ?? []).map((parameter) =>
      parameter.name === name ? { ...parameter, example } : parameter,
    ),
  },
});

describe('what is wrong is refused as documented', () => {
  const isJson = (operation: Operation): boolean => bodyOf(operation)?.contentType === 'application/json';

  test.each(operations.filter(isJson).map((operation) => [operation.name, operation] as const))(
    'a body that is none: %s',
    async (_, operation) => {
      const right = requestOf(operation, exampleOf(operation), recording);
      const cut = { ...right, init: { ...right.init, body: '{"model": ' } };
      const typed = { ...right, init: { ...right.init, headers: { 'content-type': 'text/csv' } } };
      // What goes to an engine unread is the engine's to refuse.
      if (operation.path.startsWith('/upstream/')) return;
      for (const sending of [cut, typed]) {
        const answer = await send(sending);
        expect([400, 415]).toContain(answer.status);
        expect(await answerProblems(document, operation, answer, true)).toEqual([]);
      }
    },
  );

  const lost = operations.flatMap((operation) =>
    (operation.object.parameters ?? [])
      .filter((parameter) => parameter.in === 'path')
      // What is not there is made.
      .filter(({ name }) => !(name === 'message' && operation.name.startsWith('PUT ')))
      .map(
        ({ name }) =>
          [`${operation.name} without such a ${name}`, withExample(operation, name, 'no-such-thing')] as const,
      ),
  );
  test.each(lost)('%s', async (_, operation) => {
    const answer = await send(requestOf(operation, exampleOf(operation), recording));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await answerProblems(document, operation, answer, true)).toEqual([]);
  });

  const named = operations.flatMap((operation) => {
    const example = exampleOf(operation);
    const inBody = typeof example === 'object' && example !== null && 'model' in example;
    const inQuery = (operation.object.parameters ?? []).some(
      (parameter) => parameter.in === 'query' && parameter.name === 'model',
    );
    if (!inBody && !inQuery) return [];
    const unknown = withExample(operation, 'model', 'no-such-model');
    return [[operation.name, unknown, inBody ? { ...example, model: 'no-such-model' } : example] as const];
  });
  test.each(named)('a model that there is not: %s', async (_, operation, example) => {
    const answer = await send(requestOf(operation, example, recording));
    expect(answer.status).toBe(404);
    expect(await answerProblems(document, operation, answer, true)).toEqual([]);
  });
});

async function asItStandsNow({ name }: Operation): Promise<Operation> {
  const found = operationsOf(await server.json<Document>('/docs/json')).find((operation) => operation.name === name);
  if (found === undefined) throw new Error(`${name} is described no more`);
  return found;
}

/** What ends the server is tried when there is nothing left to ask. */
const END = 'POST /api/shutdown';

describe('every example runs as it stands, and is answered as documented', () => {
  const cases = inOrder
    .filter(({ name }) => name !== END)
    .flatMap((operation) => {
      const body = bodyOf(operation);
      const examples = body === null ? [['', undefined] as const] : examplesOf(body.media);
      return examples.map(([name, value]) => [`${operation.name} ${name}`.trim(), operation, value] as const);
    });
  test.each(cases)('%s', async (_, described, shown) => {
    const isLast = LAST.includes(described.name);
    const operation = isLast ? await asItStandsNow(described) : described;
    const example = isLast ? exampleOf(operation) : shown;
    const answer = await send(requestOf(operation, example, recording));
    const wanted = operation.object['x-example-status'];
    const isAsWanted = wanted === undefined ? answer.status < 300 : answer.status === wanted;
    if (!isAsWanted) throw new Error(`${answer.status} ${await answer.text()}`);
    expect(await answerProblems(document, operation, answer, true)).toEqual([]);
  });
});

describe('what else an operation may answer, it answers where it is asked to', () => {
  const cases = operations.flatMap((operation) => {
    const [, success] = Object.entries(operation.object.responses).find(([status]) => /^2/.test(status)) ?? [];
    const [, ...alternatives] = Object.keys(success?.content ?? {});
    return alternatives.map((type) => [`${operation.name} as ${type}`, operation, type] as const);
  });
  test.each(cases)('%s', async (_, operation, type) => {
    const example = exampleOf(operation);
    const isStreamed = type === 'text/event-stream' && typeof example === 'object';
    const asking = withExample(withExample(operation, 'stream', true), 'follow', true);
    const right = requestOf(asking, isStreamed ? { ...example, stream: true } : example, recording);
    const answer = await send({ ...right, init: { ...right.init, headers: { ...right.init.headers, accept: type } } });
    expect([answer.status, answer.headers.get('content-type')?.split(';')[0]]).toEqual([200, type]);
    expect(await answerProblems(document, operation, answer, true)).toEqual([]);
  });
});

test('the end', async () => {
  const operation = operations.find(({ name }) => name === END);
  if (operation === undefined) throw new Error(`${END} is not described`);
  const answer = await send(requestOf(operation, undefined, recording));
  expect([answer.status, await answerProblems(document, operation, answer, true)]).toEqual([200, []]);
});
