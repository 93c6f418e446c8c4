import { describe, expect, test } from 'bun:test';
import type { Fault } from '../../src/base/fault.ts';
import { factsOf } from '../../src/gguf/facts.ts';
import { prefixSource, readHeader } from '../../src/gguf/reader.ts';
import { openHub } from '../../src/models/hub.ts';
import { scaleFacts } from '../../src/models/hub-facts.ts';
import { limitSeconds } from '../../src/models/hub-faults.ts';
import { quantsOf } from '../../src/models/hub-quants.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { encodeGguf, type GgufValue, text, u32 } from '../fixtures/gguf-writer.ts';
import { bytesContent, type FakeHub, type FakeRepository, generatedGguf, startHub } from '../fixtures/hub/server.ts';
import { rawServer, reply } from '../fixtures/raw-server.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const tiny = tinyLlama();
const generated = generatedGguf({ sizeBytes: 3_000_000 });
const plain: FakeRepository = {
  id: 'tiny/Tiny-GGUF',
  downloads: 1200,
  likes: 7,
  files: [
    { path: 'README.md', content: Buffer.from('# Tiny\n') },
    { path: 'Tiny-F32.gguf', content: tiny },
    { path: 'Q8_0/Tiny-Q8_0-00001-of-00002.gguf', content: generated },
    { path: 'Q8_0/Tiny-Q8_0-00002-of-00002.gguf', content: generated },
    { path: 'mmproj-F16.gguf', content: tiny },
    { path: 'ünï cödé-Q4_0.gguf', content: tiny },
  ],
};

const openFor = (hub: FakeHub, token: string | null = null) =>
  openHub({ endpoint: hub.url, token: () => token, allowedHosts: () => hub.hosts });
describe('listing', () => {
  test('files with sizes and digests at the commit that was listed, over several pages', async () => {
    await using server = await startHub({ repositories: [plain], pageSize: 2 });
    const listing = await openFor(server).list('tiny/Tiny-GGUF');
    expect(listing).toMatchObject({ repository: 'tiny/Tiny-GGUF', gate: 'open', isPrivate: false });
    expect(listing.revision).toBe(server.commitOf('tiny/Tiny-GGUF'));
    expect(listing.files.map((file) => file.path).sort()).toEqual(plain.files.map((file) => file.path).sort());
    const llama = listing.files.find((file) => file.path === 'Tiny-F32.gguf');
    expect(llama).toEqual({ path: 'Tiny-F32.gguf', sizeBytes: tiny.length, sha256: bytesContent(tiny).sha256() });
    // Git's own hash of a small file is no digest of its content.
    expect(listing.files.find((file) => file.path === 'README.md')?.sha256).toBeNull();
    expect(server.requests.filter((request) => request.path.includes('/tree/'))).toHaveLength(4);
    expect(server.requests.every((request) => request.host === 'hub')).toBe(true);
  });

  test('below a prefix, with a token that needs no hf_ in front', async () => {
    await using server = await startHub({
      repositories: [{ ...plain, isPrivate: true }],
      prefix: '/mirror/hf',
      tokens: { 'secret-of-a-mirror': [plain.id] },
    });
    const listing = await openFor(server, 'secret-of-a-mirror').list(plain.id);
    expect(listing.isPrivate).toBe(true);
    expect(server.requests.every((request) => request.authorization === 'Bearer secret-of-a-mirror')).toBe(true);
  });

  test('a renamed repository is found under its new name', async () => {
    await using server = await startHub({ repositories: [{ ...plain, formerIds: ['old/Name'] }] });
    const plan = await openFor(server).plan('old/Name:F32');
    expect(plan.repository).toBe('tiny/Tiny-GGUF');
    expect(plan.files[0]?.path).toBe('tiny/Tiny-GGUF/Tiny-F32.gguf');
  });

  test('a mirror that hands on the real hub’s addresses for further pages is asked itself', async () => {
    await using server = await startHub({ repositories: [plain] });
    const commit = server.commitOf(plain.id);
    const next = `https://huggingface.co/api/models/${plain.id}/tree/${commit}?recursive=true&cursor=3`;
    server.misbehave({
      matches: (request) => request.path.includes('/tree/'),
      times: 1,
      headers: { link: `<${next}>; rel="next"` },
    });
    await openFor(server).list(plain.id);
    expect(server.requests.some((request) => request.path.includes('cursor=3'))).toBe(true);
  });

  test.each([
    ['an unknown one without a token', 'no/Such', null, 'not_found', /private/],
    ['an unknown one with a token', 'no/Such', 'hf_good', 'not_found', /account/],
    ['a private one without a token', 'closed/Private', null, 'not_found', /private/],
    ['a wrong token', 'tiny/Tiny-GGUF', 'hf_bad', 'unauthorized', /token/],
  ])('%s', async (_, id, token, kind, words) => {
    await using server = await startHub({
      repositories: [plain, { ...plain, id: 'closed/Private', isPrivate: true }],
      tokens: { hf_good: [] },
    });
    const fault = await faultOf(openFor(server, token).list(id));
    expect(fault.kind).toBe(kind as Fault['kind']);
    expect(`${fault.message} ${fault.hint}`).toMatch(words);
    expect(JSON.stringify([fault.message, fault.hint, fault.details])).not.toContain('hf_good');
  });

  test('an unknown revision is named as such', async () => {
    await using server = await startHub({ repositories: [plain] });
    const fault = await faultOf(openFor(server).plan(`${server.url}/${plain.id}/tree/nowhere`));
    expect(fault.kind).toBe('not_found');
    expect(fault.message).toContain('revision');
  });

  test('limits say when they end', async () => {
    await using server = await startHub({ repositories: [plain] });
    server.misbehave({ answer: { status: 429, headers: { ratelimit: '"api";r=0;t=55' } } });
    const fault = await faultOf(openFor(server).list(plain.id));
    expect(fault.kind).toBe('rate_limited');
    const inMs = Number(fault.details.resetAt) - Date.now();
    expect(inMs).toBeGreaterThan(50_000);
    expect(inMs).toBeLessThanOrEqual(55_000);
    server.relent();
    server.misbehave({ answer: { status: 429, headers: { 'retry-after': '7' } } });
    expect((await faultOf(openFor(server).list(plain.id))).details.retryAfterMs).toBe(7000);
  });

  test.each([
    [503, {}, 'busy', 'offline'],
    [200, { 'content-type': 'application/json' }, '<html>', 'bad_gateway'],
    [200, { 'content-type': 'application/json' }, '{"error":1}', 'bad_gateway'],
    [200, { 'content-type': 'application/json' }, '[null]', 'bad_gateway'],
    [302, { location: 'http://127.0.0.1:1/elsewhere' }, '', 'forbidden'],
  ])('an answer of %i %j %s is %s', async (status, headers, body, kind) => {
    await using server = await startHub({ repositories: [plain] });
    server.misbehave({ matches: (request) => request.path.includes('/tree/'), answer: { status, headers, body } });
    expect((await faultOf(openFor(server).list(plain.id))).kind).toBe(kind as Fault['kind']);
  });

  test('entries that lead elsewhere are left out', async () => {
    await using server = await startHub({ repositories: [plain] });
    const entry = (path: unknown, size: unknown = 5) => ({ type: 'file', path, size, oid: 'x' });
    const body = JSON.stringify([
      entry('../../etc/passwd.gguf'),
      entry('/abs.gguf'),
      entry('a\\b.gguf'),
      entry('a/./b.gguf'),
      entry('ok.gguf', -1),
      entry('ok.gguf', '7'),
      entry(7),
      { type: 'directory', path: 'd.gguf', size: 0 },
      { ...entry('good.gguf'), lfs: { oid: 'not hex', size: 9 } },
    ]);
    server.misbehave({ matches: (request) => request.path.includes('/tree/'), answer: { status: 200, body } });
    const { files } = await openFor(server).list(plain.id);
    expect(files).toEqual([{ path: 'good.gguf', sizeBytes: 9, sha256: null }]);
  });

  test('a list without end is ended, a huge page refused', async () => {
    await using server = await startHub({ repositories: [plain] });
    const link = `<${server.url}/api/models/${plain.id}/tree/main?again>; rel="next"`;
    const matches = (request: { path: string }): boolean => request.path.includes('/tree/');
    server.misbehave({ matches, answer: { status: 200, headers: { link }, body: '[]' } });
    expect((await faultOf(openFor(server).list(plain.id))).kind).toBe('too_large');
    expect(server.requests.length).toBeLessThan(110);
    server.relent();
    server.misbehave({ matches, answer: { status: 200, body: `[${'1,'.repeat(9_000_000)}1]` } });
    expect((await faultOf(openFor(server).list(plain.id))).kind).toBe('too_large');
  });

  test('leaving ends it', async () => {
    await using server = await startHub({ repositories: [plain] });
    server.misbehave({ matches: (request) => request.path.includes('/tree/'), stallAfterBytes: 10 });
    const leave = new AbortController();
    const listing = faultOf(openFor(server).list(plain.id, { signal: leave.signal }));
    await server.next((request) => request.path.includes('/tree/'));
    leave.abort();
    expect((await listing).kind).toBe('cancelled');
  });

  test('200 files are grouped into eight quantizations of 25 parts each', async () => {
    const files = Array.from({ length: 200 }, (_, index) => ({
      path: `Q${(index % 8) + 1}_0/Big-Q${(index % 8) + 1}_0-${String(Math.floor(index / 8) + 1).padStart(5, '0')}-of-00025.gguf`,
      content: tiny,
    }));
    await using server = await startHub({ repositories: [{ ...plain, files }] });
    const hub = openFor(server);
    const listing = await hub.list(plain.id);
    const { quants } = quantsOf(listing.files);
    expect(quants).toHaveLength(8);
    expect(quants.every((quant) => quant.isComplete && quant.files.length === 25)).toBe(true);
  });
});

describe('one file', () => {
  const resolve = (server: FakeHub, path: string): string => server.resolve(plain.id, path);

  test('size, digest and commit stand on the first redirect; the store is not asked', async () => {
    await using server = await startHub({ repositories: [plain] });
    const found = await openFor(server).inspect(resolve(server, 'ünï cödé-Q4_0.gguf'));
    const commit = server.commitOf(plain.id);
    expect(found).toEqual({
      url: server.resolve(plain.id, 'ünï cödé-Q4_0.gguf', commit),
      sizeBytes: tiny.length,
      sha256: bytesContent(tiny).sha256(),
      revision: commit,
    });
    expect(server.requests.map((request) => [request.host, request.range])).toEqual([['hub', 'bytes=0-0']]);
  });

  test('a file in git itself has a size and no digest', async () => {
    await using server = await startHub({ repositories: [plain] });
    const found = await openFor(server).inspect(resolve(server, 'README.md'));
    expect(found).toMatchObject({ sizeBytes: 7, sha256: null, revision: server.commitOf(plain.id) });
  });

  test('where a mirror hides the links, the store says the size', async () => {
    await using server = await startHub({ repositories: [plain], hidesLinks: true });
    const found = await openFor(server).inspect(resolve(server, 'Tiny-F32.gguf'));
    expect(found).toMatchObject({ sizeBytes: tiny.length, sha256: null });
  });

  test('the token goes to the hub alone', async () => {
    await using server = await startHub({
      repositories: [{ ...plain, gate: 'auto' }],
      hidesLinks: true,
      tokens: { hf_good: [plain.id] },
    });
    await openFor(server, 'hf_good').inspect(resolve(server, 'Tiny-F32.gguf'));
    const seen = server.requests.map((request) => [request.host, request.authorization]);
    expect(seen).toContainEqual(['hub', 'Bearer hf_good']);
    expect(seen.filter(([host]) => host === 'cdn')).toEqual([['cdn', null]]);
  });

  test.each([
    ['without a token', null, 'unauthorized', /HF_TOKEN/],
    ['with the token of a stranger', 'hf_stranger', 'forbidden', /token belongs to/],
  ])('a gated file %s says that the licence must be accepted', async (_, token, kind, words) => {
    await using server = await startHub({
      repositories: [{ ...plain, gate: 'auto' }],
      tokens: { hf_stranger: [] },
    });
    const fault = await faultOf(openFor(server, token).inspect(resolve(server, 'Tiny-F32.gguf')));
    expect(fault.kind).toBe(kind as Fault['kind']);
    expect(fault.message).toContain('licence');
    expect(fault.hint).toContain(`${server.url}/tiny/Tiny-GGUF`);
    expect(fault.hint).toMatch(words);
    expect(fault.details.errorCode).toBe('GatedRepo');
  });

  test('a file that is not there, a page in its place, a store that is not allowed', async () => {
    await using server = await startHub({ repositories: [plain], hidesLinks: true });
    const hub = openFor(server);
    const missing = await faultOf(hub.inspect(resolve(server, 'no.gguf')));
    expect(missing.kind).toBe('not_found');
    expect(missing.message).toContain('no.gguf');
    const strict = openHub({ endpoint: server.url, token: () => null, allowedHosts: () => [] });
    expect((await faultOf(strict.inspect(resolve(server, 'Tiny-F32.gguf')))).kind).toBe('forbidden');
    await using page = await rawServer((_, socket) => reply(socket, 200, '<html>', { 'content-type': 'text/html' }));
    const other = openHub({ token: () => 'hf_x', allowedHosts: () => [page.host] });
    expect((await faultOf(other.inspect(`${page.url}/x.gguf`))).kind).toBe('unprocessable');
    expect(page.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe('plans', () => {
  test('all parts, then the projector, each with its address at the commit, below owner and name', async () => {
    await using server = await startHub({ repositories: [plain] });
    const plan = await openFor(server).plan('tiny/Tiny-GGUF:q8_0');
    const commit = server.commitOf(plain.id);
    expect(plan).toMatchObject({
      name: 'Tiny-Q8_0-00001-of-00002.gguf',
      repository: plain.id,
      revision: commit,
      quantization: 'Q8_0',
      totalBytes: generated.sizeBytes * 2 + tiny.length,
    });
    expect(plan.files.map((file) => file.path)).toEqual([
      'tiny/Tiny-GGUF/Q8_0/Tiny-Q8_0-00001-of-00002.gguf',
      'tiny/Tiny-GGUF/Q8_0/Tiny-Q8_0-00002-of-00002.gguf',
      'tiny/Tiny-GGUF/mmproj-F16.gguf',
    ]);
    expect(plan.files[0]?.url).toBe(server.resolve(plain.id, 'Q8_0/Tiny-Q8_0-00001-of-00002.gguf', commit));
    const alone = await openFor(server).plan('tiny/Tiny-GGUF:q8_0', { takesProjector: false });
    expect(alone.files).toHaveLength(2);
    expect((await openFor(server).plan('tiny/Tiny-GGUF:mmproj-F16.gguf')).files).toHaveLength(1);
  });

  test('an address outside the hub, of all parts of a split file', async () => {
    await using server = await rawServer((_, socket) =>
      reply(socket, 206, 'x', { 'content-range': 'bytes 0-0/1000', 'content-length': 1 }),
    );
    const hub = openHub({ token: () => null, allowedHosts: () => [server.host] });
    const plan = await hub.plan(`${server.url}/d/m-Q4_0-00002-of-00002.gguf`);
    expect(plan).toMatchObject({ repository: null, quantization: 'Q4_0', totalBytes: 2000 });
    expect(plan.files.map((file) => file.path)).toEqual(['m-Q4_0-00001-of-00002.gguf', 'm-Q4_0-00002-of-00002.gguf']);
  });
});

describe('facts without the file', () => {
  const vocabulary = (count: number): Record<string, GgufValue> => ({
    'general.architecture': text('qwen3'),
    'general.file_type': u32(15),
    'qwen3.block_count': u32(2),
    'qwen3.context_length': u32(40_960),
    'qwen3.embedding_length': u32(64),
    'qwen3.attention.head_count': u32(4),
    'qwen3.attention.head_count_kv': u32(2),
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.tokens': {
      type: 'array',
      of: 'string',
      value: Array.from({ length: count }, (_, index) => `token${index}`),
    },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: Array.from({ length: count }, () => 1) },
    'tokenizer.ggml.merges': {
      type: 'array',
      of: 'string',
      value: Array.from({ length: count }, (_, index) => `tok en${index}`),
    },
  });

  test('a small header takes one request, and the facts are those of the file', async () => {
    await using server = await startHub({ repositories: [plain] });
    const hub = openFor(server);
    const read = await hub.readFacts([server.resolve(plain.id, 'Tiny-F32.gguf')]);
    const wanted = factsOf(readHeader(prefixSource(tiny)), { fileBytes: tiny.length, fileName: 'Tiny-F32.gguf' });
    expect(read.facts).toEqual(wanted);
    expect(read.requestCount).toBe(1);
    expect(read.fetchedBytes).toBe(Math.min(tiny.length, 1024 * 1024));
    const [start] = server.requests.filter((request) => request.host === 'cdn');
    expect(start?.range).toBe('bytes=0-1048575');
  });

  test('a header of 150 000 tokens takes a few requests and a small part of the file', async () => {
    const content = generatedGguf({ sizeBytes: 200_000_000, metadata: vocabulary(150_000), sha256: 'b'.repeat(64) });
    await using server = await startHub({ repositories: [{ ...plain, files: [{ path: 'V.gguf', content }] }] });
    const read = await openFor(server).readFacts([server.resolve(plain.id, 'V.gguf')]);
    expect(read.facts).toMatchObject({ architecture: 'qwen3', vocabularySize: 150_000, fileBytes: content.sizeBytes });
    console.log(`150k tokens: ${read.fetchedBytes} bytes fetched in ${read.requestCount} requests`);
    expect(read.requestCount).toBeLessThanOrEqual(3);
    expect(read.fetchedBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    const sent = server.requests.filter((request) => request.host === 'cdn');
    // Only what was missing is fetched again.
    expect(sent.map((request) => request.range?.split('-')[0])).toEqual(
      ['bytes=0', 'bytes=1048576', 'bytes=4194304'].slice(0, sent.length),
    );
  });

  test('all parts of a split model are read, for only they know their tensors', async () => {
    const part = (index: number, size: number): Uint8Array =>
      encodeGguf(
        {
          ...(index === 0 ? vocabulary(10) : {}),
          'split.no': { type: 'u32', value: index },
          'split.count': { type: 'u32', value: 3 },
        },
        [{ name: `blk.${index}.ffn_up.weight`, dimensions: [64, size] }],
      );
    const files = [1, 2, 3].map((number) => ({
      path: `S-0000${number}-of-00003.gguf`,
      content: part(number - 1, number * 10),
    }));
    await using server = await startHub({ repositories: [{ ...plain, files }] });
    const { facts, requestCount } = await openFor(server).readFacts(
      files.map((file) => server.resolve(plain.id, file.path)),
    );
    expect(requestCount).toBe(3);
    expect(facts.layers.slice(0, 2).map((layer) => layer.weightBytes)).toEqual([64 * 10 * 4, 64 * 20 * 4]);
    expect(facts.weightBytes).toBe(64 * 60 * 4);
    expect(facts.fileBytes).toBe(files.reduce((total, file) => total + file.content.length, 0));
  });

  test('a server that knows no ranges, and one that ends early', async () => {
    const head = encodeGguf(vocabulary(30_000), []);
    let isCut = false;
    await using server = await rawServer((_, socket) => {
      if (isCut) socket.end(`HTTP/1.1 200 X\r\ncontent-length: ${head.length}\r\nconnection: close\r\n\r\nGGUF`);
      else reply(socket, 200, head);
    });
    const hub = openHub({ token: () => null, allowedHosts: () => [server.host] });
    const { facts } = await hub.readFacts([`${server.url}/x.gguf`]);
    expect(facts.vocabularySize).toBe(30_000);
    isCut = true;
    expect((await faultOf(hub.readFacts([`${server.url}/x.gguf`]))).kind).toBe('offline');
  });

  test('bytes of two versions are never mixed', async () => {
    const content = generatedGguf({ sizeBytes: 20_000_000, metadata: vocabulary(120_000), sha256: 'c'.repeat(64) });
    const other = generatedGguf({ sizeBytes: 20_000_000, metadata: vocabulary(120_001), sha256: 'd'.repeat(64) });
    await using server = await startHub({ repositories: [{ ...plain, files: [{ path: 'V.gguf', content }] }] });
    const reading = faultOf(openFor(server).readFacts([server.resolve(plain.id, 'V.gguf')]));
    await server.next((request) => request.host === 'cdn');
    server.commit(plain.id, [{ path: 'V.gguf', content: other }]);
    expect((await reading).message).toContain('changed');
  });

  test('a header beyond the bound, no GGUF at all, and leaving', async () => {
    const files = [
      {
        path: 'V.gguf',
        content: generatedGguf({ sizeBytes: 9_000_000, metadata: vocabulary(60_000), sha256: 'e'.repeat(64) }),
      },
      { path: 'N.gguf', content: Buffer.alloc(100, 1) },
    ];
    await using server = await startHub({ repositories: [{ ...plain, files }] });
    const { readRemoteFacts } = await import('../../src/models/hub-facts.ts');
    const access = { endpoint: server.url, token: null, allowedHosts: server.hosts };
    const bounded = readRemoteFacts([server.resolve(plain.id, 'V.gguf')], { ...access, maxBytes: 1_500_000 });
    expect((await faultOf(bounded)).kind).toBe('unprocessable');
    const sent = server.requests.filter((request) => request.host === 'cdn');
    expect(sent.reduce((total, request) => total + request.sentBytes, 0)).toBeLessThanOrEqual(1_500_000);
    expect((await faultOf(openFor(server).readFacts([server.resolve(plain.id, 'N.gguf')]))).kind).toBe('unprocessable');
    server.misbehave({ matches: (request) => request.host === 'cdn', stallAfterBytes: 1000 });
    const leave = new AbortController();
    const reading = faultOf(openFor(server).readFacts([server.resolve(plain.id, 'V.gguf')], { signal: leave.signal }));
    await server.next((request) => request.host === 'cdn');
    leave.abort();
    expect((await reading).kind).toBe('cancelled');
  });
});

test('facts of another quantization: weights in proportion, the header and the model as they are', () => {
  const facts = factsOf(readHeader(prefixSource(tiny)), { fileBytes: tiny.length, fileName: 'x.gguf' });
  const header = tiny.length - facts.weightBytes;
  const half = scaleFacts(facts, tiny.length, header + facts.weightBytes / 2, 'Q4_K_M');
  expect(half.weightBytes).toBe(facts.weightBytes / 2);
  expect(half.fileBytes).toBe(header + facts.weightBytes / 2);
  expect(half.quantization).toBe('Q4_K_M');
  const sum = half.layers.reduce((total, layer) => total + layer.weightBytes, 0);
  const whole = sum + half.tokenEmbeddingBytes + half.outputBytes + half.otherBytes;
  expect(Math.abs(whole - half.weightBytes)).toBeLessThan(16);
  const { layers, weightBytes, fileBytes, quantization, isQuantizationDerived, ...rest } = half;
  for (const key of ['tokenEmbeddingBytes', 'outputBytes', 'otherBytes', 'inputBytes'] as const) {
    expect(rest[key]).toBe(Math.round(facts[key] / 2));
  }
  expect(layers.map((layer) => layer.headCountKv)).toEqual(facts.layers.map((layer) => layer.headCountKv));
  expect(rest).toMatchObject({ contextTokens: facts.contextTokens, parameterCount: facts.parameterCount });
  expect(scaleFacts(facts, tiny.length, tiny.length, 'F32').weightBytes).toBe(facts.weightBytes);
});

test.each([
  ['"api";r=0;t=55', 55],
  ['"resolvers";r=12;t=7', 7],
  ['"a";t=3;r=0', 3],
  ['limit=10', null],
  ['"api";r=0;t=x', null],
])('RateLimit %s', (header, seconds) => {
  expect(limitSeconds(new Headers({ ratelimit: header }))).toBe(seconds);
});
