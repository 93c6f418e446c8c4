// `cmd` entries: another server is started, found ready, asked, stopped and lost like our own engine.
import { describe, expect, test } from 'bun:test';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { faultOf } from '../fixtures/fault-of.ts';
import { isAlive, openHouse, type TestHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const PROGRAM = join(import.meta.dir, '..', 'fixtures', 'other-server.ts');
const BUN = process.execPath;

interface Echo {
  readonly body: unknown;
  readonly words: readonly string[];
  readonly pid: number;
  readonly colour: string | null;
}
const echo = async (house: TestHouse, model: string, body: Record<string, unknown> = {}): Promise<Echo> =>
  JSON.parse((await house.ask(model, { path: '/v1/chat/completions', body })).text) as Echo;
/** A program of somebody else's, to whom everything is fine. */
function serve(hostname: string, port = 0): Disposable & { readonly port: number; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const fetch = ({ url }: Request): Response => {
    asked.push(url);
    return new Response('ok');
  };
  const server = Bun.serve({ hostname, port, reusePort: false, fetch });
  return { port: server.port ?? 0, asked, [Symbol.dispose]: () => void server.stop(true) };
}
const config = (stop: string): string => `
startPort: 18100
macros:
  program: ${JSON.stringify(`"${BUN}" "${PROGRAM}"`)}
  unused: one
models:
  plain:
    cmd: |
      # a comment
      \${program} \${PORT} \\
        "with blank"
    env: [COLOUR=blue]
    useModelName: their-name
    filters:
      stripParams: "temperature, top_k, model"
    aliases: [simple]
  checked:
    cmd: \${program} \${PORT} ready-path=/ready model=\${MODEL_ID} \${size}
    checkEndpoint: /ready
    macros: { size: big }
    ttl: 300
  unchecked:
    cmd: \${program} \${PORT} ready-path=/never
    checkEndpoint: none
  elsewhere:
    cmd: \${program} 18555
    proxy: http://127.0.0.1:18555/
  deaf:
    cmd: \${program} \${PORT} deaf
    cmdStop: '"${BUN}" "${stop}" \${PID}'
  never:
    cmd: \${program} \${PORT} ready-path=/other
  broken:
    cmd: \${program} \${PORT} crash-at-start
  absent:
    cmd: /no/such/program \${PORT}
  unknown:
    cmd: \${program} \${nothing}
`;

describe('custom commands', () => {
  test('started, ready, asked under their name and without what they do not take; nothing is reserved for them', async () => {
    await using house = await openHouse({ config: config('x') });
    const [plain, checked] = await Promise.all([echo(house, 'simple', { a: 1 }), echo(house, 'checked')]);
    expect(plain).toMatchObject({ words: ['with blank'], colour: 'blue', body: { a: 1 } });
    expect(checked.words).toEqual(['ready-path=/ready', 'model=checked', 'big']);
    const ports = house.drover.instances().map((instance) => instance.portNumber ?? 0);
    expect(new Set(ports).size).toBe(2);
    expect(ports.every((port) => port >= 18_100)).toBe(true);
    await using lease = await house.drover.acquire('plain');
    expect(lease.upstreamModel).toBe('their-name');
    expect(lease.strippedFields).toEqual(['temperature', 'top_k']);
    expect(lease.headers).toEqual({});
    expect(house.instance('plain')).toMatchObject({ reservedBytes: {}, verdict: { outcome: 'as_planned' } });
    expect(house.instance('checked')?.ttlMs).toBe(300_000);
    expect((await faultOf(house.drover.fit('plain'))).kind).toBe('bad_request');
  });

  test('a server without a health page, and one on an address of its own', async () => {
    await using house = await openHouse({ config: config('x') });
    expect((await echo(house, 'unchecked')).pid).toBeGreaterThan(0);
    expect((await echo(house, 'elsewhere')).pid).toBe(house.pid('elsewhere'));
    expect(house.drover.engineLines('elsewhere', 5)).toContain('serving on 18555');
  });

  test.each(['127.0.0.1', '0.0.0.0', '::'])('a port that somebody has on %s is left to him', async (host) => {
    using holder = serve(host);
    await using house = await openHouse({ config: config('x').replace('18100', String(holder.port)) });
    const { words } = await echo(house, 'plain');
    expect(words).toEqual(['with blank']);
    expect(house.instance('plain')?.portNumber).toBeGreaterThan(holder.port);
    expect(holder.asked).toEqual([]);
  });

  test.skipIf(process.platform !== 'linux')('one that listens everywhere needs its port everywhere', async () => {
    using holder = serve('127.0.0.2');
    const wide = `  wide:\n    cmd: \${program} \${PORT} --host=0.0.0.0\n`;
    await using house = await openHouse({ config: config('x').replace('18100', String(holder.port)) + wide });
    await echo(house, 'plain');
    expect(house.instance('plain')?.portNumber).toBe(holder.port);
    await house.drover.stop('plain');
    await echo(house, 'wide');
    expect(house.instance('wide')?.portNumber).toBeGreaterThan(holder.port);
  });

  test('a port is given once: while its engine starts, to no other and to no instance; and again when that has ended', async () => {
    const first = (() => {
      using held = serve('127.0.0.1');
      return held.port;
    })();
    await using house = await openHouse({
      config: config('x').replace('18100', String(first)),
      models: { 'a.gguf': tinyLlama() },
    });
    const asked = house.ask('never').catch(() => undefined);
    await house.untilState('never', 'starting');
    const port = house.instance('never')?.portNumber ?? 0;
    const instances = house.core.desks?.instances;
    const { port: promised } = (await instances?.create({
      name: 'b',
      modelPath: join(house.modelsFolder, 'a.gguf'),
    })) ?? {
      port: 0,
    };
    expect(promised).toBeGreaterThan(port);
    await Promise.all([echo(house, 'plain'), echo(house, 'checked')]);
    const ports = ['never', 'plain', 'checked'].map((id) => house.instance(id)?.portNumber ?? 0);
    expect(new Set([...ports, promised]).size).toBe(4);
    await house.drover.stop('never', { force: true });
    await asked;
    await echo(house, 'unchecked');
    expect(house.instance('unchecked')?.portNumber).toBe(port);
  });

  test('no port is left: the load says what to change', async () => {
    using _ = serve('127.0.0.1', 65_535);
    await using house = await openHouse({ config: config('x').replace('18100', '65535') });
    const fault = await faultOf(house.ask('plain'));
    expect(fault.kind).toBe('unavailable');
    expect(fault.hint).toContain('startPort');
  });

  test('a port that somebody takes while the command starts is given up for another, three times at most', async () => {
    const holders: ReturnType<typeof createServer>[] = [];
    let thefts = 1;
    using thief = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (request) => {
        const port = Number(new URL(request.url).pathname.slice(1));
        if (thefts === 0) return new Response();
        thefts -= 1;
        // Who connects is left at once.
        const holder = createServer((socket) => socket.destroy());
        holders.push(holder);
        await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
        return new Response();
      },
    });
    const late = `  late:\n    cmd: \${program} \${PORT} ask-first=http://127.0.0.1:${thief.port}\n`;
    await using house = await openHouse({ config: config('x').replace('18100', '18300') + late });
    try {
      expect((await echo(house, 'late')).pid).toBeGreaterThan(0);
      const { portNumber } = house.instance('late') ?? {};
      expect(portNumber).toBeGreaterThan(18_300);
      const verdicts = house.events.flatMap((event) =>
        event.type === 'instance.verdict' ? [event.verdict.outcome] : [],
      );
      expect(verdicts).toEqual(['failed', 'as_planned']);
      await house.drover.stop('late');
      thefts = 9;
      const fault = await faultOf(house.ask('late'));
      expect(fault.kind).toBe('bad_gateway');
      expect(thefts).toBe(6);
    } finally {
      for (const holder of holders) holder.close();
    }
  });

  test('cmdStop ends what does not hear SIGTERM', async () => {
    const house = await openHouse();
    try {
      const trace = join(house.dataFolder, 'stopped');
      const stop = join(house.dataFolder, 'stop.ts');
      writeFileSync(
        stop,
        `require('node:fs').writeFileSync(${JSON.stringify(trace)}, process.argv[2]); process.kill(Number(process.argv[2]), 'SIGKILL');`,
      );
      house.configure(config(stop));
      await house.drover.reload();
      const { pid } = await echo(house, 'deaf');
      await house.drover.stop('deaf');
      expect(existsSync(trace)).toBe(true);
      expect(await Bun.file(trace).text()).toBe(String(pid));
      expect(isAlive(pid)).toBe(false);
    } finally {
      await house[Symbol.asyncDispose]();
    }
  });

  test('one that crashes at its start, one that is not there, one with a macro that is not: said, with its last lines', async () => {
    await using house = await openHouse({ config: config('x') });
    const broken = await faultOf(house.ask('broken'));
    expect(broken.kind).toBe('bad_gateway');
    expect(broken.message).toContain('the weights are on fire');
    expect(broken.details).toMatchObject({ exitCode: 7, logLines: ['Error: the weights are on fire'] });
    expect(house.instance('broken')).toMatchObject({ state: 'failed', verdict: { outcome: 'failed' } });
    expect((await faultOf(house.ask('absent'))).message).toContain('/no/such/program');
    const unknown = await faultOf(house.ask('unknown'));
    expect(unknown.kind).toBe('config_invalid');
    expect(unknown.message).toContain('nothing');
  });

  test('one that is never ready is ended, and gone before that is told', async () => {
    await using house = await openHouse({ config: `healthCheckTimeout: 0.3\n${config('x')}` });
    const asked = faultOf(house.ask('never'));
    await house.untilState('never', 'starting');
    const fault = await asked;
    expect(fault.kind).toBe('bad_gateway');
    expect(fault.details.isTimeout).toBe(true);
    const instance = house.instance('never');
    expect(instance).toMatchObject({ state: 'failed', pid: null, verdict: { outcome: 'failed' } });
    expect(instance?.verdict?.findings[0]?.hint).toContain('healthCheckTimeout');
  });

  test('one that dies while it answers is started again', async () => {
    await using house = await openHouse({ config: config('x') });
    const first = await echo(house, 'plain');
    await house.ask('plain', { path: '/crash' }).catch(() => undefined);
    await house.untilState('plain', 'failed');
    expect(house.instance('plain')?.failure).toContain('139');
    expect((await echo(house, 'plain')).pid).not.toBe(first.pid);
  });

  test('a macro that a command does not use may change; one that it uses restarts it', async () => {
    await using house = await openHouse({ config: config('x') });
    await echo(house, 'checked');
    const pid = house.pid('checked');
    house.configure(config('x').replace('unused: one', 'unused: two').replace('ttl: 300', 'ttl: 301'));
    expect(await house.drover.reload()).toEqual([]);
    expect(house.pid('checked')).toBe(pid);
    house.configure(config('x').replace('size: big', 'size: small'));
    expect(await house.drover.reload()).toEqual(['checked']);
    expect((await echo(house, 'checked')).words).toContain('small');
  });
});
