// A running server for tests of LlamaHome: two small models, one that is broken, one engine that does what it is told, and a
// folder that nobody looks at.
import { setDefaultTimeout } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, type StartOptions, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

// Engines take their time where several tests share a machine.
setDefaultTimeout(60_000);

export const TALKER = 'talker-f32';
export const OTHER = 'other-f32';
export const VECTORS = 'vectors-f32';
export const BROKEN = 'broken';
export const OBEDIENT = 'obedient';

export interface Setting extends AsyncDisposable {
  readonly drover: RunningDrover;
  readonly data: string;
  readonly models: string;
  /** Not looked at. */
  readonly outside: string;
  /** Ends the server and starts it again on the same data. */
  restart(): Promise<RunningDrover>;
}

export interface SettingOptions extends Pick<StartOptions, 'environment' | 'args'> {
  /** More of `config.yaml`. */
  readonly config?: string;
  /** Of the models folder; absent: all. */
  readonly names?: readonly string[];
}

const FILES: Readonly<Record<string, () => Uint8Array | string>> = {
  'talker.gguf': () => tinyLlama({ name: 'Talker 3.3 8B', contextTokens: 4096, blockCount: 8 }),
  'other.gguf': () => tinyLlama({ name: 'Other', contextTokens: 512, chatTemplate: null }),
  'vectors.gguf': () => tinyBert({ name: 'Vectors' }),
  'broken.gguf': () => 'GGUF but not really',
};

export async function openSetting(options: SettingOptions = {}): Promise<Setting> {
  const root = temporaryFolder('llamahome ünï');
  const [data, models, outside] = ['data', 'models', 'outside'].map((name) => join(root.path, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [data, models, outside]) mkdirSync(folder);
  for (const name of options.names ?? Object.keys(FILES)) writeFileSync(join(models, name), FILES[name]?.() ?? '');
  const program = join(import.meta.dir, '..', 'fixtures', 'obedient-engine.ts');
  const cmd = JSON.stringify(`"${process.execPath}" "${program}" \${PORT}`);
  writeFileSync(
    join(data, 'config.yaml'),
    `# by hand\nmodels:\n  ${OBEDIENT}: # does what it is told\n    cmd: ${cmd}\n${options.config ?? ''}`,
  );
  const start = (): Promise<RunningDrover> =>
    startDrover({
      dataFolder: data,
      modelsFolders: [models],
      environment: options.environment ?? {},
      args: options.args ?? [],
    });
  let drover = await start();
  return {
    get drover() {
      return drover;
    },
    data,
    models,
    outside,
    restart: async () => {
      await drover[Symbol.asyncDispose]();
      drover = await start();
      return drover;
    },
    [Symbol.asyncDispose]: async () => {
      await drover[Symbol.asyncDispose]();
      root[Symbol.dispose]();
    },
  };
}

/** A new key with these scopes, once the server knows it. */
export async function makeKey({ drover }: Pick<Setting, 'drover'>, name: string, scopes: string): Promise<string> {
  const { stdout } = await drover.cli('keys', 'add', name, '--scopes', scopes, '--json');
  const { key } = JSON.parse(stdout) as { key: string };
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await drover.request('/drover/status', { headers })).status;
  // Until then nobody needs one, or another counts.
  const isKnown = async (): Promise<boolean> =>
    (await status({})) === 401 && (await status({ 'x-api-key': key })) !== 401;
  await until(isKnown, 'the key is not known');
  return key;
}

export async function until(isSo: () => Promise<boolean> | boolean, why = 'it did not come to pass'): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(why);
    await Bun.sleep(3);
  }
}
