// A server for llamactl's tests: tiny models in a folder of their own, and the few questions that its clients ask.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, type StartOptions, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { eventually } from '../fixtures/restarts.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

// The shapes are what is tested.
// biome-ignore lint/suspicious/noExplicitAny: each route has an answer of its own
export type Json = any;

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export interface TestModels extends Disposable {
  readonly path: string;
  /** The file of a model, made when it is asked for. */
  readonly file: (name: string, blockCount?: number) => string;
}

export function testModels(name: string): TestModels {
  const folder = temporaryFolder(name);
  return {
    path: folder.path,
    file: (file, blockCount = 2) => {
      const path = join(folder.path, `${file}.gguf`);
      writeFileSync(path, tinyLlama({ name: file, contextTokens: 256, blockCount }));
      return path;
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

export interface Client {
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Answer>;
  readonly create: (name: string, file: string, more?: object) => Promise<Answer>;
  readonly verb: (name: string, verb: string, body?: unknown) => Promise<Answer>;
  readonly status: (name: string) => Promise<string>;
  /** Resolves with the instance when it has that status. */
  readonly until: (name: string, status: string) => Promise<Json>;
  /** The same, of another process than that one. */
  readonly untilAnother: (name: string, pid: number) => Promise<Json>;
}

export function clientOf(url: () => string): Client {
  const ask: Client['ask'] = async (method, path, body) => {
    const answer = await fetch(`${url()}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : {
            body: typeof body === 'string' ? body : JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          }),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const read = async (name: string): Promise<Json> =>
    (await ask('GET', `/api/instances/${encodeURIComponent(name)}`)).body;
  const until = async (name: string, why: string, isSo: (instance: Json) => boolean): Promise<Json> => {
    let last: Json = null;
    for (const since = performance.now(); performance.now() - since < 20_000; ) {
      last = await read(name);
      if (isSo(last)) return last;
      await Bun.sleep(3);
    }
    throw new Error(`${name} is not ${why}: ${JSON.stringify(last)}`);
  };
  return {
    ask,
    create: (name, file, more = {}) => ask('POST', '/api/instances', { name, model_path: file, ...more }),
    verb: (name, verb, body) => ask('POST', `/api/instances/${encodeURIComponent(name)}/${verb}`, body),
    status: async (name) => (await read(name)).status,
    until: (name, status) => until(name, status, (instance) => instance.status === status),
    untilAnother: (name, pid) =>
      until(name, 'running anew', (instance) => instance.status === 'running' && instance.pid !== pid),
  };
}

export async function startLlamactl(
  options: StartOptions = {},
): Promise<{ readonly drover: RunningDrover; readonly client: Client }> {
  const drover = await startDrover(options);
  await drover.waitForLine(/engine ready/);
  return { drover, client: clientOf(() => drover.url) };
}

export { eventually };
