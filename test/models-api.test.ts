// Our own API about one model, against the compiled executable: what a plan takes for any wish, what the file says, and
// the entry in the configuration, whose comments stay.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

interface Fit {
  readonly fit: string;
  readonly takesBytes: Record<string, number>;
  readonly parts: readonly Record<
    'weightBytes' | 'kvBytes' | 'computeBytes' | 'overheadBytes' | 'totalBytes',
    number
  >[];
  readonly plan: { readonly contextTokens: number; readonly cacheTypeK: string; readonly slotCount: number } | null;
  readonly bounds: { readonly layersTotal: number; readonly cacheTypes: readonly string[] };
  readonly neededBytes: number | null;
  readonly wouldFit: object | null;
}

const models = temporaryFolder('models-api-models');
const data = temporaryFolder('models-api-data');
const CONFIG =
  '# mine\nmodels:\n  talker-f32: # small\n    threads: 1\n  other:\n    cmd: some-server --port ${PORT}\n';
let drover: RunningDrover;
beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(data.path, 'config.yaml'), CONFIG);
  drover = await startDrover({ modelsFolders: [models.path], dataFolder: data.path, args: ['--ram', '2'] });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
  data[Symbol.dispose]();
});

const fit = (query: string): Promise<Fit> => drover.json<Fit>(`/drover/fit?model=talker-f32&${query}`);
const patch = (settings: object, model = 'talker-f32'): Promise<Response> =>
  drover.request('/drover/entry', {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, settings }),
  });
const config = (): string => readFileSync(join(data.path, 'config.yaml'), 'utf8');

describe('a plan', () => {
  test('takes the sum of its parts, on every device, for any wish', async () => {
    for (const query of ['', 'context=512', 'context=2048&cacheType=bf16&slots=2', 'gpuLayers=0&slots=1']) {
      const { parts, takesBytes } = await fit(query);
      expect(parts.length).toBeGreaterThan(0);
      for (const part of parts) {
        const { weightBytes, kvBytes, computeBytes, overheadBytes, totalBytes } = part;
        expect(weightBytes + kvBytes + computeBytes + overheadBytes).toBeCloseTo(totalBytes, -1);
      }
      expect(Object.values(takesBytes).reduce((sum, bytes) => sum + bytes, 0)).toBe(
        parts.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
      );
    }
  });

  test('is what was wished for, and more context takes more', async () => {
    const small = await fit('context=512&slots=2&cacheType=f16');
    const large = await fit('context=4096&slots=2&cacheType=f16');
    expect(small.plan).toMatchObject({ contextTokens: 512, slotCount: 2, cacheTypeK: 'f16' });
    const kv = ({ parts }: Fit): number => parts.reduce((sum, { kvBytes }) => sum + kvBytes, 0);
    expect(kv(large)).toBeGreaterThan(kv(small));
    expect(small.bounds.layersTotal).toBeGreaterThan(1);
    expect(small.bounds.cacheTypes).toContain('f16');
  });

  test('one that does not fit says what it lacks and what would', async () => {
    const { fit: verdict, plan, parts, neededBytes, wouldFit } = await fit('context=90000000');
    expect([verdict, plan, parts]).toEqual(['does_not_fit', null, []]);
    expect(neededBytes).toBeGreaterThan(2 * 1024 ** 3);
    expect(wouldFit).toHaveProperty('contextTokens');
    for (const query of ['cacheType=q9', 'gpuLayers=-1', 'slots=0', 'context=x']) {
      expect((await drover.request(`/drover/fit?model=talker-f32&${query}`)).status).toBe(400);
    }
  });
});

test('details hold what the header says, and the files', async () => {
  const details = await drover.json<{ facts: object; files: { path: string; sizeBytes: number }[]; origin: string }>(
    '/drover/details?model=talker-f32',
  );
  expect(details.facts).toMatchObject({ architecture: 'llama', quantization: 'F32', expertCount: 0 });
  expect(details.files).toEqual([{ path: join(models.path, 'talker.gguf'), sizeBytes: expect.any(Number) }]);
  expect((await drover.request('/drover/details?model=nobody')).status).toBe(404);
  expect((await drover.request('/drover/details')).status).toBe(400);
});

describe('an entry', () => {
  test('is set and taken out again, and the comments of the file stay', async () => {
    const written = await patch({ contextSize: 1024, description: 'For: small # talk' });
    expect(written.status).toBe(200);
    expect(config()).toContain('# mine\n');
    expect(config()).toContain('talker-f32: # small');
    const entry = await drover.json<{ settings: object; isInFile: boolean }>('/drover/entry?model=talker-f32');
    expect(entry).toMatchObject({
      isInFile: true,
      lockedBy: null,
      settings: { contextSize: 1024, threads: 1, description: 'For: small # talk', pin: null },
    });
    expect((await fit('')).plan?.contextTokens).toBe(1024);
    expect((await fit('context=auto&gpuLayers=auto&cacheType=auto&slots=auto')).plan?.contextTokens).toBe(4096);
    await patch({ contextSize: null, description: null });
    expect(config()).toBe(CONFIG);
  });

  test('a name that is another model’s is refused, its own are not', async () => {
    const before = config();
    const taken = await patch({ aliases: ['other'] });
    const { error } = (await taken.json()) as { error: { message: string; details: object } };
    expect([taken.status, error.message, error.details]).toEqual([
      409,
      'Another model is called "other" already.',
      expect.objectContaining({ field: 'settings.aliases', existingModelId: 'other' }),
    ]);
    expect(config()).toBe(before);
    expect((await patch({ aliases: ['mine', 'talker-f32'] })).status).toBe(200);
    expect((await patch({ aliases: null })).status).toBe(200);
    expect(config()).toBe(before);
  });

  test('a refusal says the field and writes nothing', async () => {
    const before = config();
    for (const settings of [
      { contextSize: -1 },
      { cacheType: 'q9' },
      { cmd: 'evil' },
      { ttl: 'x' },
      { aliases: [''] },
    ]) {
      const answer = await patch(settings);
      const { error } = (await answer.json()) as { error: { details: { field: string } } };
      expect([answer.status, error.details.field]).toEqual([400, expect.stringMatching(/^settings/)]);
    }
    expect((await patch({ ttl: 5 }, 'other')).status).toBe(403);
    expect((await patch({ ttl: 5 }, 'nobody')).status).toBe(404);
    expect(config()).toBe(before);
  });
});
