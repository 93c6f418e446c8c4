// What ends a prompt of LlamaHome's besides its end: time, too many streams, an engine that fails, a key that may not; and
// what several at once do to each other. On the compiled executable, with an engine that does what it is told.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { framesOf, get, post, readLine } from './asking.ts';
import { makeKey, OBEDIENT, OTHER, openSetting, type Setting, TALKER, until } from './setting.ts';

let here: Setting;
let hurried: Setting;
beforeAll(async () => {
  [here, hurried] = await Promise.all([
    openSetting({ config: 'llamahomeRate: 0\n' }),
    openSetting({ config: 'llamahomeTimeout: 0.3\nllamahomeBodyLimit: 1\n' }),
  ]);
});
afterAll(async () => {
  await here?.[Symbol.asyncDispose]();
  await hurried?.[Symbol.asyncDispose]();
});

const asking = (body: object, more: { readonly key?: string; readonly signal?: AbortSignal } = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(more.key === undefined ? {} : { 'x-api-key': more.key }) },
  body: JSON.stringify({ model: OBEDIENT, ...body }),
  ...(more.signal === undefined ? {} : { signal: more.signal }),
});

/** How many answers the engine is at. */
const openCount = async ({ drover }: Setting, key = ''): Promise<number> => {
  const answer = await drover.request(`/upstream/${OBEDIENT}/open`, { headers: { 'x-api-key': key } });
  return ((await answer.json()) as { openCount: number }).openCount;
};

describe('time', () => {
  test('a prompt that takes too long is 408, and the engine is left alone', async () => {
    for (const prompt of ['tick', 'hang']) {
      const { status, json } = await post(hurried.drover, '/api/process_prompt', { prompt, model: OBEDIENT });
      expect([status, json]).toMatchObject([
        408,
        { error: { code: 'timeout', message: expect.stringContaining('0.3 s') } },
      ]);
    }
    await until(async () => (await openCount(hurried)) <= 0);
    const { status } = await post(hurried.drover, '/api/process', { prompts: ['x', 'hang'], model: OBEDIENT });
    expect(status).toBe(408);
  });

  test('a stream that has said nothing is 408 too; one that has ends with the error as its last frame', async () => {
    expect((await post(hurried.drover, '/api/stream', { prompt: 'hang', model: OBEDIENT })).status).toBe(408);
    const frames = await framesOf(await hurried.drover.request('/api/stream', asking({ prompt: 'tick' })));
    expect(frames.length).toBeGreaterThan(1);
    expect(frames.slice(0, -1).every((frame) => 'chunk' in frame)).toBe(true);
    expect(frames.at(-1)).toMatchObject({ error: { code: 'timeout' } });
  });

  test('the limit of a body is a setting', async () => {
    const prompt = 'a'.repeat(1024 * 1024);
    expect((await post(hurried.drover, '/v1/process', { prompt })).status).toBe(413);
  });
});

describe('an engine that fails', () => {
  test('before the first word: 400 where it refuses; in the middle: 500, or the last frame', async () => {
    const { status, json } = await post(here.drover, '/api/process_prompt', { prompt: 'fail', model: OBEDIENT });
    expect([status, json]).toMatchObject([
      500,
      { error: { code: 'bad_gateway', message: expect.stringContaining('it broke') } },
    ]);
    const frames = await framesOf(await here.drover.request('/api/stream', asking({ prompt: 'fail' })));
    expect(frames).toMatchObject([
      { chunk: 'one ', index: 0 },
      { error: { code: 'bad_gateway', message: expect.stringContaining('it broke') } },
    ]);
    expect((await post(here.drover, '/api/process_prompt', { prompt: 'cut', model: OBEDIENT })).status).toBe(500);
    expect((await post(here.drover, '/api/stream', { prompt: 'refuse', model: OBEDIENT })).status).toBe(400);
  });

  test('what it does not count is null, not zero; no word is an answer too', async () => {
    const { json } = await post(here.drover, '/api/process', { prompt: 'empty', model: OBEDIENT });
    expect(json).toMatchObject({
      response: '',
      tokens_used: null,
      usage: { prompt_tokens: null, completion_tokens: null, total_tokens: null },
    });
  });

  test('a prompt that is longer than the context is the caller’s mistake', async () => {
    const prompt = 'the water '.repeat(2000);
    const { status, json } = await post(here.drover, '/api/process_prompt', { prompt, model: OTHER });
    expect([status, json]).toMatchObject([400, { error: { message: expect.stringMatching(/context/i) } }]);
  });
});

describe('several', () => {
  test('prompts are answered in their order; one that fails says so in its place', async () => {
    const prompts = ['one', 'fail', 'echo', 'refuse', 'two'];
    const { status, json } = await post(here.drover, '/api/process', { prompts, model: OBEDIENT, max_tokens: 5 });
    expect(status).toBe(200);
    const { results, tokens_used, processing_time } = json as {
      results: { index: number; text?: string; error?: { code: string } }[];
      tokens_used: number;
      processing_time: number;
    };
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(results[0]).toMatchObject({ response: 'grüße 🦙', usage: { total_tokens: 5 }, model: OBEDIENT });
    expect(results[1]).toMatchObject({ error: { code: 'bad_gateway' } });
    expect(JSON.parse(results[2]?.text ?? '')).toMatchObject({ max_tokens: 5, temperature: 0.7 });
    expect(results[3]).toMatchObject({
      error: { code: 'bad_request', message: expect.stringContaining('I will not') },
    });
    expect(tokens_used).toBe(15);
    expect(processing_time).toBeGreaterThanOrEqual(0);
  });

  test('many are answered by a real engine, and two callers at once by two', async () => {
    const prompts = Array.from({ length: 9 }, (_, index) => `the water ${index}`);
    const [many, talker, other] = await Promise.all([
      post(here.drover, '/api/process', { prompts, model: TALKER, max_tokens: 3, temperature: 0 }),
      post(here.drover, '/api/process_prompt', { prompt: 'a', model: TALKER, max_tokens: 3, temperature: 0 }),
      post(here.drover, '/api/process_prompt', { prompt: 'b', model: OTHER, max_tokens: 3, temperature: 0 }),
    ]);
    expect([many.status, talker.status, other.status]).toEqual([200, 200, 200]);
    const { results } = many.json as { results: { usage: object; error?: object }[] };
    expect(results.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(results.map(({ usage }) => usage)).toEqual(
      prompts.map(() => expect.objectContaining({ completion_tokens: 3 })),
    );
    expect([talker.json, other.json]).toMatchObject([{ model_used: TALKER }, { model_used: OTHER }]);
  });

  test('letters of any script come through whole, asked and answered', async () => {
    const prompt = 'Grüße 🦙 你好 \u0000 "quoted" \n end';
    const frames = await framesOf(await here.drover.request('/api/stream', asking({ prompt })));
    expect(frames.map(({ chunk }) => chunk).join('')).toBe('grüße 🦙');
    const real = await framesOf(
      await here.drover.request('/api/stream', asking({ prompt, model: TALKER, max_tokens: 40, temperature: 2 })),
    );
    expect(real.at(-1)).toMatchObject({ done: true, usage: { completion_tokens: expect.any(Number) } });
  });
});

describe('keys', () => {
  const keys: Record<string, string> = {};
  const add = async (name: string, scopes: string): Promise<void> => {
    keys[name] = await makeKey(here, name, scopes);
  };
  const keyed = (name: string) => ({ 'x-api-key': keys[name] ?? '' });
  beforeAll(async () => {
    await add('chatter', 'chat');
    await add('loader', 'model_load');
    await add('writer', 'model_load,model_write');
    await add('admin', 'admin');
  });

  test('none is 401, too little 403, in this envelope', async () => {
    for (const path of ['/api/process_prompt', '/v1/stream', '/api/load_model', '/api/shutdown']) {
      expect(await post(here.drover, path, {})).toMatchObject({
        status: 401,
        json: { error: { code: 'unauthorized' } },
      });
      expect(await post(here.drover, path, {}, keyed(path.includes('load') ? 'chatter' : 'loader'))).toMatchObject({
        status: 403,
        json: { error: { code: 'forbidden', details: { scope: expect.any(String) } } },
      });
    }
    expect((await get(here.drover, '/api/logs', keyed('chatter'))).status).toBe(403);
    const ask = { prompt: 'x', model: OBEDIENT };
    expect(
      (await post(here.drover, '/api/process_prompt', ask, { authorization: `Bearer ${keys.chatter}` })).status,
    ).toBe(200);
  });

  test('a file that is no known model needs the right to register one', async () => {
    const body = { model_path: '/etc/passwd' };
    expect(await post(here.drover, '/api/load_model', body, keyed('loader'))).toMatchObject({
      status: 403,
      json: { error: { code: 'forbidden', details: { scope: 'model_write' } } },
    });
    expect((await post(here.drover, '/api/load_model', body, keyed('writer'))).status).toBe(422);
    expect((await post(here.drover, '/api/load_model', { model_path: TALKER }, keyed('loader'))).status).toBe(200);
  });

  test('ten streams at once, and not one more, until one ends', async () => {
    const key = keys.chatter ?? '';
    // What nobody holds any more is collected, and its connection closed.
    const held: Response[] = [];
    const open = async () => {
      const left = new AbortController();
      const answer = await here.drover.request('/api/stream', asking({ prompt: 'tick' }, { key, signal: left.signal }));
      expect(answer.status).toBe(200);
      held.push(answer);
      await readLine(answer);
      return left;
    };
    const streams = await Promise.all(Array.from({ length: 10 }, open));
    const eleventh = (path: string, body: object) =>
      post(here.drover, path, { prompt: 'tick', model: OBEDIENT, ...body }, { 'x-api-key': key });
    for (const [path, body] of [
      ['/api/stream', {}],
      ['/v1/stream', {}],
      ['/api/process', { stream: true }],
    ] as const) {
      const refused = await eleventh(path, body);
      expect([refused.status, refused.json]).toMatchObject([
        429,
        { error: { code: 'rate_limit_exceeded', details: { retry_after: expect.any(Number) } } },
      ]);
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    // What is no stream, and another caller's stream, are not counted with them.
    expect((await eleventh('/api/process_prompt', { prompt: 'x' })).status).toBe(200);
    const admins = await here.drover.request('/api/stream', asking({ prompt: 'x' }, { key: keys.admin ?? '' }));
    expect((await framesOf(admins)).at(-1)).toMatchObject({ done: true });
    // A refusal holds no place.
    expect((await eleventh('/api/stream', { model: 'nobody' })).status).toBe(429);
    streams[0]?.abort();
    let again: AbortController | null = null;
    await until(async () => {
      again = await open().catch(() => null);
      return again !== null;
    });
    expect((await eleventh('/api/stream', {})).status).toBe(429);
    expect(held.length).toBe(11);
    for (const stream of [...streams, again as AbortController | null]) stream?.abort();
    await until(async () => (await openCount(here, keys.admin)) <= 0);
    // One that fails before its first word gives its place back.
    for (let count = 0; count < 12; count += 1)
      expect((await eleventh('/api/stream', { model: 'nobody' })).status).toBe(404);
    const whole = await Promise.all(
      Array.from({ length: 10 }, () => here.drover.request('/api/stream', asking({ prompt: 'x' }, { key }))),
    );
    expect(whole.map(({ status }) => status)).toEqual(Array(10).fill(200));
    for (const answer of whole) expect((await framesOf(answer)).at(-1)).toMatchObject({ done: true });
  });
});

describe('what is counted', () => {
  let counted: Setting;
  let key = '';
  const keyed = () => ({ 'x-api-key': key });
  beforeAll(async () => {
    counted = await openSetting({ names: [] });
  });
  afterAll(() => counted?.[Symbol.asyncDispose]());

  test('who needs no key is not limited: neither prompts nor streams', async () => {
    for (let count = 0; count < 65; count += 1) {
      expect((await get(counted.drover, '/api/health_check')).status).toBe(200);
    }
    for (let count = 0; count < 6; count += 1) {
      expect((await post(counted.drover, '/api/process', { prompts: ['x'], model: OBEDIENT })).status).toBe(200);
    }
  });

  test('five batches a minute, while single prompts are answered', async () => {
    key = await makeKey(counted, 'batches', 'admin');
    const batch = () => post(counted.drover, '/v1/process', { prompts: ['x', 'y'], model: OBEDIENT }, keyed());
    for (let count = 0; count < 5; count += 1) expect((await batch()).status).toBe(200);
    const refused = await batch();
    expect([refused.status, refused.json]).toMatchObject([
      429,
      { error: { code: 'rate_limit_exceeded', details: { retry_after: expect.any(Number), limit: 5 } } },
    ]);
    expect((await post(counted.drover, '/api/process', { prompt: 'x', model: OBEDIENT }, keyed())).status).toBe(200);
    // What is refused for its shape is no batch.
    expect((await post(counted.drover, '/v1/process', { prompts: [5] }, keyed())).status).toBe(422);
  });

  test('sixty requests a minute in all, whichever they are and in whichever place', async () => {
    key = await makeKey(counted, 'sixty', 'admin');
    for (let count = 0; count < 60; count += 1) {
      const path = count % 2 === 0 ? '/api/health_check' : '/v1/get_config';
      expect((await get(counted.drover, path, keyed())).status).toBe(200);
    }
    expect(await post(counted.drover, '/api/process_prompt', { prompt: 'x', model: OBEDIENT }, keyed())).toMatchObject({
      status: 429,
      json: { error: { code: 'rate_limit_exceeded', details: { retry_after: expect.any(Number) } } },
    });
    // Other dialects have no such limit.
    expect((await get(counted.drover, '/v1/models', keyed())).status).toBe(200);
  });
});
