// Warm requests, streams, cold starts, swaps, idleness and large bodies, each side by side with llama-server itself.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../../build.ts';
import { cleanEnvironment, type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { testEngine } from '../fixtures/engine.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { chat, chatBody, type Figure, median, percentile, processFigures, startDirect } from './measure.ts';

const ROUNDS = 3000;
const IDLE_SECONDS = Number(process.env.DROVER_BENCH_IDLE_SECONDS ?? 60);

async function streamRate(url: string, clients: number, tokens: number): Promise<number> {
  const at = performance.now();
  await Promise.all(Array.from({ length: clients }, () => chat(url, chatBody({ maxTokens: tokens, isStream: true }))));
  return (clients * tokens * 1000) / (performance.now() - at);
}

/** One small request that generates nothing, on a connection that is kept. */
async function tokenize(url: string): Promise<number> {
  const at = performance.now();
  const response = await fetch(`${url}/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"tiny-a","content":"the water"}',
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return performance.now() - at;
}

const complete = async (url: string): Promise<number> => (await chat(url, chatBody())).totalMs;

async function warm(drover: RunningDrover, direct: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [what, send] of [
    ['/tokenize', tokenize],
    ['a chat of one token', complete],
  ] as const) {
    const directMs: number[] = [];
    const ourMs: number[] = [];
    // Interleaved, so that the noise of the machine falls on both alike.
    for (let round = -300; round < ROUNDS; round += 1) {
      const pair = [await send(direct), await send(drover.url)] as const;
      if (round < 0) continue;
      directMs.push(pair[0]);
      ourMs.push(pair[1]);
    }
    const at = (share: number) => ({ direct: percentile(directMs, share), ours: percentile(ourMs, share) });
    for (const [name, share, target] of [
      ['at the median', 0.5, 0.15],
      ['at p99', 0.99, 1],
    ] as const) {
      const { direct: plain, ours } = at(share);
      figures.push({
        name: `warm, ${what}, added ${name}`,
        value: ours - plain,
        unit: 'ms',
        target,
        note: `direct ${plain.toFixed(2)} ms`,
      });
    }
  }
  return figures;
}

async function streams(drover: RunningDrover, direct: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [clients, tokens] of [
    [1, 1000],
    [50, 60],
  ] as const) {
    const ratios: number[] = [];
    const directRates: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      const directRate = await streamRate(direct, clients, tokens);
      ratios.push((await streamRate(drover.url, clients, tokens)) / directRate);
      directRates.push(directRate);
    }
    figures.push({
      name: `streaming, ${clients} client${clients > 1 ? 's' : ''}, share of direct tokens/s`,
      value: median(ratios) * 100,
      unit: '%',
      target: 99,
      direction: 'at_least',
      note: `direct ${median(directRates).toFixed(0)} tokens/s`,
    });
  }
  return figures;
}

/** Flags that make the plain engine do the same work as ours. */
const sameFlags = (drover: RunningDrover, id: string): Promise<readonly string[]> =>
  drover.json<{ argv: string[] }>(`/drover/fit?model=${id}`).then(({ argv }) => {
    const own = argv.slice(argv.findIndex((word) => word === '-m' || word === '--model'));
    const kept: string[] = [];
    for (let index = 0; index < own.length; index += 1) {
      const word = own[index] ?? '';
      if (['-m', '--model', '--port', '--host'].includes(word)) index += 1;
      else if (!['--offline', '--no-ui', '--no-webui'].includes(word)) kept.push(word);
    }
    return kept;
  });

async function cold(drover: RunningDrover, folder: string, flags: readonly string[]): Promise<Figure[]> {
  const directMs: number[] = [];
  const ourMs: number[] = [];
  const swapDirectMs: number[] = [];
  const swapMs: number[] = [];
  const body = (model: string): string => chatBody({ model });
  for (let round = 0; round < 11; round += 1) {
    const at = performance.now();
    const engine = await startDirect(join(folder, 'tiny-a.gguf'), flags);
    await chat(engine.url, body('tiny-a'));
    const startAndAnswer = performance.now() - at;
    const stopMs = await engine.stop();
    await drover.json('/drover/models/stop', { all: true });
    const ours = await chat(drover.url, body('tiny-a'));
    directMs.push(startAndAnswer);
    ourMs.push(ours.firstByteMs);
    swapDirectMs.push(stopMs + startAndAnswer);
    // Both are members of a swapping group, so one leaves before the other comes.
    swapMs.push((await chat(drover.url, body('tiny-b'))).firstByteMs);
  }
  return [
    {
      name: 'cold start, added to the engine’s own start and answer',
      value: median(ourMs) - median(directMs),
      unit: 'ms',
      target: 10,
      note: `engine ${median(directMs).toFixed(0)} ms, ours ${median(ourMs).toFixed(0)} ms`,
    },
    {
      name: 'swap of two tiny models, added to the engine’s own stop and start',
      value: median(swapMs) - median(swapDirectMs),
      unit: 'ms',
      target: 15,
      note: `engine ${median(swapDirectMs).toFixed(0)} ms, ours ${median(swapMs).toFixed(0)} ms`,
    },
  ];
}

async function largeBody(drover: RunningDrover): Promise<Figure> {
  const filler = 'x'.repeat(10 * 1024 * 1024);
  const body = JSON.stringify({ model: 'tiny-a', content: 'the water', filler });
  const send = async (): Promise<void> => {
    const response = await drover.request('/tokenize', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`/tokenize: ${response.status}`);
  };
  const extra: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    // Forgets the peak so far; see proc(5), clear_refs.
    writeFileSync(`/proc/${drover.pid}/clear_refs`, '5');
    const before = await processFigures(drover.pid);
    await send();
    extra.push((await processFigures(drover.pid)).peakRssBytes - before.rssBytes);
    await Bun.sleep(1000);
  }
  return {
    name: 'a 10 MB body relayed, extra memory at the peak',
    value: median(extra) / 1e6,
    unit: 'MB',
    target: 20,
    note: `first ${((extra[0] ?? 0) / 1e6).toFixed(0)} MB, most ${(Math.max(...extra) / 1e6).toFixed(0)} MB`,
  };
}

async function idle(drover: RunningDrover): Promise<Figure[]> {
  const before = await processFigures(drover.pid);
  const at = performance.now();
  await Bun.sleep(IDLE_SECONDS * 1000);
  const after = await processFigures(drover.pid);
  const seconds = (performance.now() - at) / 1000;
  return [
    { name: 'idle, memory', value: after.rssBytes / 1e6, unit: 'MB', target: 80 },
    {
      name: `idle, processor over ${IDLE_SECONDS} s`,
      value: (after.cpuMs - before.cpuMs) / 10 / seconds,
      unit: '%',
      target: 0.5,
    },
  ];
}

async function startUp(folder: string): Promise<Figure> {
  const engine = await testEngine();
  using data = temporaryFolder('bench-start');
  const times: number[] = [];
  for (let round = 0; round < 11; round += 1) {
    const at = performance.now();
    const child = Bun.spawn(
      [
        hostBinary,
        'serve',
        '--listen',
        '127.0.0.1:0',
        '--engine',
        engine.folder,
        '--no-scan-known-folders',
        '--models-folder',
        folder,
      ],
      { env: cleanEnvironment(data.path), stdout: 'ignore', stderr: 'pipe', stdin: 'ignore' },
    );
    const decoder = new TextDecoder();
    let log = '';
    for await (const chunk of child.stderr) {
      log += decoder.decode(chunk, { stream: true });
      if (/listening.*http/.test(log)) break;
    }
    times.push(performance.now() - at);
    child.kill('SIGTERM');
    await child.exited;
  }
  return { name: 'exec to listening', value: median(times), unit: 'ms', target: 50 };
}

export async function benchServing(): Promise<Figure[]> {
  using models = temporaryFolder('bench-models');
  writeFileSync(join(models.path, 'tiny-a.gguf'), tinyLlama({ name: 'Tiny A' }));
  writeFileSync(join(models.path, 'tiny-b.gguf'), tinyLlama({ name: 'Tiny B' }));
  const figures: Figure[] = [await startUp(models.path)];
  {
    using data = temporaryFolder('bench-idle');
    await using drover = await startDrover({ modelsFolders: [models.path], dataFolder: data.path });
    figures.push(...(await idle(drover)));
  }
  using data = temporaryFolder('bench-data');
  writeFileSync(
    join(data.path, 'config.yaml'),
    `models:\n  tiny-a: { file: ${join(models.path, 'tiny-a.gguf')}, threads: 1 }\n  tiny-b: { file: ${join(models.path, 'tiny-b.gguf')}, threads: 1 }\ngroups:\n  pair: { swap: true, members: [tiny-a, tiny-b] }\n`,
  );
  await using drover = await startDrover({ modelsFolders: [], dataFolder: data.path });
  const flags = await sameFlags(drover, 'tiny-a');
  figures.push(...(await cold(drover, models.path, flags)));
  await using direct = await startDirect(join(models.path, 'tiny-a.gguf'), flags);
  await chat(drover.url, chatBody());
  figures.push(...(await warm(drover, direct.url)));
  figures.push(...(await streams(drover, direct.url)));
  figures.push(await largeBody(drover));
  return figures;
}
