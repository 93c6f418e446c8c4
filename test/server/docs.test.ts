// The page of the API documents, its files and the document as they are served; the table of examples.
import { afterAll, describe, expect, test } from 'bun:test';
import { gunzipSync } from 'node:zlib';
import { Type } from '@sinclair/typebox';
import type { ModelView } from '../../src/core/drover.ts';
import { describer } from '../../src/dialects/described.ts';
import { Components } from '../../src/server/api-components.ts';
import { EXAMPLES, type Example, exampleValues, fillExamples, namesIn } from '../../src/server/api-examples.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import { hasTag, takesGzip } from '../../src/server/served.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';

const core = new SmallCore([
  { id: 'b', baseUrl: 'http://127.0.0.1:1' },
  { id: 'a', baseUrl: 'http://127.0.0.1:1' },
]);
const listener = await listen({ app: createApp(core.drover, OPEN_OPTIONS), host: '127.0.0.1', port: 0 });
const [url = ''] = listener.urls;
afterAll(() => listener.close());

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(url + path, { method, headers: { 'accept-encoding': 'identity', ...headers }, redirect: 'manual' });

describe('the page', () => {
  test('is at /docs and /docs/, runs no script but its own files, and loads only what is here', async () => {
    for (const path of ['/docs', '/docs/']) {
      const answer = await ask(path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("connect-src 'self';");
      const page = await answer.text();
      expect(page).toContain('<title>Drover: API documents</title>');
      expect(page).not.toMatch(/<script(?![^>]*src=)|\son\w+=|https?:\/\//);
      for (const [, target = ''] of page.matchAll(/(?:src|href)="(\/docs\/[^"#]+)"/g)) {
        expect([target, (await ask(target)).status]).toEqual([target, 200]);
      }
    }
  });

  test.each([
    ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8', 'SwaggerUIBundle'],
    ['swagger-ui.css', 'text/css; charset=utf-8', '.swagger-ui'],
    ['docs.js', 'text/javascript; charset=utf-8', 'SwaggerUIBundle'],
    ['docs-resolver.js', 'text/javascript; charset=utf-8', 'resolveSubtree'],
    ['docs.css', 'text/css; charset=utf-8', 'prefers-color-scheme'],
    ['favicon.svg', 'image/svg+xml', '<svg'],
    ['swagger-ui.LICENSE.txt', 'text/plain; charset=utf-8', 'Apache License'],
    ['swagger-ui-bundle.js.LICENSE.txt', 'text/plain; charset=utf-8', 'MIT'],
  ])('%s', async (name, type, words) => {
    const whole = await ask(`/docs/${name}`);
    expect([whole.status, whole.headers.get('content-type')]).toEqual([200, type]);
    const bytes = await whole.bytes();
    expect(Buffer.from(bytes).includes(words)).toBe(true);
    const packed = await fetch(`${url}/docs/${name}`, { headers: { 'accept-encoding': 'gzip' }, decompress: false });
    const isPacked = packed.headers.get('content-encoding') === 'gzip';
    const body = await packed.bytes();
    expect(isPacked).toBe(bytes.length >= 1024);
    expect(Buffer.compare(isPacked ? gunzipSync(body) : body, bytes)).toBe(0);
    const etag = whole.headers.get('etag') ?? '';
    for (const tags of [etag, `"x", ${etag}`, '*']) {
      const again = await ask(`/docs/${name}`, { 'if-none-match': tags });
      expect([again.status, (await again.bytes()).length, again.headers.get('etag')]).toEqual([304, 0, etag]);
    }
    expect((await ask(`/docs/${name}`, { 'if-none-match': '"x"' })).status).toBe(200);
    const head = await ask(`/docs/${name}`, {}, 'HEAD');
    expect([head.status, head.headers.get('content-type'), (await head.bytes()).length]).toEqual([200, type, 0]);
  });

  test('nothing else is below it', async () => {
    for (const path of ['/docs/nope.js', '/docs/../package.json', '/docs/%2e%2e/x.js', '/docs/a/b.js', '/docs/index']) {
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
    }
    expect((await ask('/docs', {}, 'POST')).status).toBe(405);
  });

  test('is open where a key is needed; the document is not, however it is spelled', async () => {
    const locked = createApp(core.drover, { ...OPEN_OPTIONS, requiresKey: () => true });
    const statusOf = async (path: string): Promise<number> =>
      (await locked.handle(new Request(`http://localhost${path}`, { headers: { host: 'localhost' } }))).status;
    for (const path of ['/docs', '/docs/', '/docs/docs.js', '/docs/swagger-ui-bundle.js.LICENSE.txt']) {
      expect([path, await statusOf(path)]).toEqual([path, 200]);
    }
    for (const path of ['/docs/json', '/docs/json/', '/docs/json?x=.js']) {
      expect([path, await statusOf(path)]).toEqual([path, 401]);
    }
    // What only looks like it is no route of its own: refused, or nothing.
    for (const path of [
      '/docs/%6ason',
      '/docs//json',
      '/docs/x.js/json',
      '/docs/json.js',
      '/docs/json%2f',
      '//docs/json',
    ]) {
      expect([401, 404]).toContain(await statusOf(path));
    }
  });
});

describe('the document', () => {
  test('is the same until something changes that an example stands for', async () => {
    const first = await ask('/docs/json');
    expect(first.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const etag = first.headers.get('etag') ?? '';
    expect(JSON.stringify(await first.json())).toContain('{"model":"a"');
    expect((await ask('/docs/json', { 'if-none-match': etag })).status).toBe(304);
    core.stopped.push('a');
    const second = await ask('/docs/json', { 'if-none-match': etag });
    expect(second.status).toBe(200);
    expect(JSON.stringify(await second.json())).toContain('{"model":"b"');
    core.stopped.length = 0;
    expect((await ask('/docs/json', { 'if-none-match': etag })).status).toBe(304);
  });
});

describe('what is taken', () => {
  test('gzip by name or by *, unless its weight is 0', () => {
    for (const header of ['gzip', 'br, gzip', 'GZIP;q=0.5', '*', 'deflate, *;q=0.1', 'x-gzip']) {
      expect([header, takesGzip(header)]).toEqual([header, true]);
    }
    for (const header of [null, '', 'br', 'identity', 'gzip;q=0', 'gzip;q=0.0, *', '*;q=0', 'gzipped']) {
      expect([header, takesGzip(header)]).toEqual([header, false]);
    }
  });

  test('a tag, weakly compared', () => {
    expect([hasTag('"a"', 'W/"a"'), hasTag('W/"b" , W/"a"', 'W/"a"'), hasTag('*', 'W/"a"')]).toEqual([
      true,
      true,
      true,
    ]);
    expect([hasTag(null, 'W/"a"'), hasTag('a', 'W/"a"'), hasTag('"aa"', 'W/"a"')]).toEqual([false, false, false]);
  });
});

describe('examples', () => {
  test('a name becomes its value: of any type where it stands alone, as text inside of one', () => {
    const json = JSON.stringify({
      a: '{{n}}',
      b: 'x {{n}} {{t}}',
      c: '{{t}}',
      d: '{{unknown}}',
      '{{t}}': 1,
      e: '{{list}}',
    });
    expect(namesIn(json)).toEqual(['n', 't', 'unknown', 'list']);
    const filled = fillExamples(json, { n: 7, t: 'say "\\hi"\n{{n}}', list: [1, 'a'] });
    expect(JSON.parse(filled)).toEqual({
      a: 7,
      b: 'x 7 say "\\hi"\n{{n}}',
      c: 'say "\\hi"\n{{n}}',
      d: '{{unknown}}',
      'say "\\hi"\n{{n}}': 1,
      e: [1, 'a'],
    });
  });

  test('a value may take its time; none, or one that fails, is the fallback; an unknown name is left out', async () => {
    const table: Record<string, Example> = {
      late: { value: async ({ models }) => models.length, fallback: 0 },
      none: { value: () => undefined, fallback: 'x' },
      broken: { value: () => Promise.reject(new Error('no')), fallback: 'y' },
      thrown: {
        value: () => {
          throw new Error('no');
        },
        fallback: 'z',
      },
    };
    const names = ['late', 'none', 'broken', 'thrown', 'constructor', 'model'];
    expect(await exampleValues(core.drover, null, names, table)).toEqual({
      late: 2,
      none: 'x',
      broken: 'y',
      thrown: 'z',
    });
  });

  test('of every name there is one on any server', async () => {
    const none = new SmallCore([]).drover;
    const values = await exampleValues(none, null, Object.keys(EXAMPLES));
    expect(Object.keys(values)).toEqual(Object.keys(EXAMPLES));
    expect(values).toMatchObject({ model: 'drover-probe', modelsFolder: '/tmp/models' });
  });

  test('a loaded model is taken, else the smallest; other servers by what they are called', async () => {
    const view = (id: string, more: Partial<ModelView>): ModelView => ({
      ...core.drover.model('a'),
      id,
      title: id,
      instance: null,
      ...more,
    });
    const models = [
      view('large', { sizeBytes: 9, path: '/m/large.gguf' }),
      view('small', { sizeBytes: 2, path: '/m/small.gguf' }),
      view('broken', { sizeBytes: 1, failure: 'cut' }),
      view('hidden', { sizeBytes: 1, isListed: false }),
      view('vector', { kind: 'embedding', sizeBytes: 3 }),
      view('rank', { kind: 'reranker', sizeBytes: 3 }),
      view('other', { isCustom: true, sizeBytes: null }),
      view('my-whisper', { isCustom: true, sizeBytes: null }),
    ];
    const here = (list: readonly ModelView[]) => ({ ...core.drover, models: () => list });
    const values = await exampleValues(here(models), null, Object.keys(EXAMPLES));
    expect(values).toEqual({
      model: 'small',
      chat: 'an-example',
      chatMessage: 'a-message',
      configRevision: '0123456789abcdef01234567',
      infillModel: 'small',
      embeddingModel: 'vector',
      rerankModel: 'rank',
      speechModel: 'other',
      transcriptionModel: 'my-whisper',
      modelFile: '/m/small.gguf',
      modelsFolder: '/m',
      configuredModel: 'my-model',
      unlistedModelFile: '/m/large.gguf',
      instance: 'small',
      createdInstance: 'my-instance',
      newInstance: 'my-instance',
      freePort: 8101,
      downloadUrl: 'https://huggingface.co/ggml-org/models/resolve/main/tinyllamas/stories260K.gguf',
      repository: 'ggml-org/gemma-3-1b-it-GGUF',
      loadedModel: 'small',
      registeredModel: 'my-registered-model',
      session: 'an-example',
      sessionFile: 'beautyai_session_an-example.json',
      download: 'dl-1',
      runningDownload: 'dl-1',
      endedDownload: 'dl-1',
      testSession: 'run-1',
      endedTestSession: 'run-1',
      savedBench: 'run-1',
    });
    const { instance } = core.drover.model('a');
    const loaded = models.map((model) => (model.id === 'large' ? { ...model, instance } : model));
    expect(await exampleValues(here(loaded), null, ['model'])).toEqual({ model: 'large' });
  });
});

describe('schemas', () => {
  test('one with a name is said once, two with one name are a mistake', () => {
    const components = new Components();
    const named = { $id: 'A', type: 'object', properties: { default: { $id: 'B', type: 'string' } } };
    expect(components.hoisted({ responses: { default: { schema: named } }, example: { $id: 'A' } })).toEqual({
      responses: { default: { schema: { $ref: '#/components/schemas/A' } } },
      example: { $id: 'A' },
    });
    expect(components.schemas()).toEqual({
      A: { type: 'object', properties: { default: { $ref: '#/components/schemas/B' } } },
      B: { type: 'string' },
    });
    expect(() => components.hoisted({ schema: { $id: 'B', type: 'number' } })).toThrow('two schemas are called B');
  });

  test('are made when the document is read, not before', () => {
    let made = 0;
    const shape = () => {
      made += 1;
      return Type.String();
    };
    const detail = describer({ tag: 'T', error: shape })({ summary: 'S', answer: shape, errors: [404] });
    expect([made, detail.tags, detail.summary]).toEqual([0, ['T'], 'S']);
    expect(Object.keys(detail.describe().responses)).toEqual(['200', '404', 'default']);
    expect(made).toBe(2);
  });
});
