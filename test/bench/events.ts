// What events cost: 1000 of them a second to 200 readers of ClaraCore's feed, on the compiled executable, beside the same
// events with no reader and with one; then with readers that do not read; and the same by WebSocket.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type Figure, processFigures } from './measure.ts';

const READERS = 200;
const PER_SECOND = 1000;
const SECONDS = 5;

interface Reader {
  readonly bytes: () => number;
  readonly events: () => number;
  readonly pause: () => void;
  readonly close: () => void;
}

/** A feed as its readers ask for it, and what stands in each event that is counted. */
interface Feed {
  readonly path: string;
  readonly headers: string;
  readonly mark: string;
}

const CLARA: Feed = { path: '/api/events', headers: '', mark: 'data: {"type":"logData"' };
const SOCKET: Feed = {
  path: '/v1/ws',
  headers:
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
  mark: '"type":"request_finished"',
};

/** A plain socket: what is measured is the server, not its readers. */
async function connectReader(url: string, isCounting: boolean, feed: Feed = CLARA): Promise<Reader> {
  const { hostname, port, host } = new URL(url);
  let bytes = 0;
  let events = 0;
  const opened = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_, chunk) => {
        bytes += chunk.length;
        if (isCounting) events += chunk.toString('latin1').split(feed.mark).length - 1;
        opened.resolve();
      },
    },
  });
  socket.write(`GET ${feed.path} HTTP/1.1\r\nHost: ${host}\r\n${feed.headers}\r\n`);
  await opened.promise;
  return { bytes: () => bytes, events: () => events, pause: () => socket.pause(), close: () => socket.terminate() };
}

interface Cost {
  /** Of one core, in percent. */
  readonly cpu: number;
  readonly rssBytes: number;
}

async function costOf(drover: RunningDrover): Promise<Cost> {
  const [before, at] = [await processFigures(drover.pid), performance.now()];
  await Bun.sleep(SECONDS * 1000);
  const [after, ms] = [await processFigures(drover.pid), performance.now() - at];
  return { cpu: ((after.cpuMs - before.cpuMs) / ms) * 100, rssBytes: after.rssBytes };
}

export async function benchEvents(): Promise<readonly Figure[]> {
  using data = temporaryFolder('bench-events');
  const program = join(import.meta.dir, '..', 'fixtures', 'talkative-server.ts');
  const cmd = `${JSON.stringify(process.execPath)} ${JSON.stringify(program)} \${PORT} ${PER_SECOND}`;
  writeFileSync(join(data.path, 'config.yaml'), `models:\n  talker: { cmd: ${JSON.stringify(cmd)} }\n`);
  await using drover = await startDrover({ dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
  await drover.json('/drover/models/load', { model: 'talker' });

  const alone = await costOf(drover);
  const first = await connectReader(drover.url, true);
  const one = await costOf(drover);
  const others = await Promise.all(Array.from({ length: READERS - 1 }, () => connectReader(drover.url, false)));
  // What it takes to get going is not what it costs.
  await Bun.sleep(1000);
  const seen = [first.events(), performance.now()] as const;
  const all = await costOf(drover);
  const perSecond = ((first.events() - seen[0]) * 1000) / (performance.now() - seen[1]);
  const least = Math.min(...others.map((reader) => reader.bytes()));
  for (const reader of others) reader.pause();
  await Bun.sleep(1000);
  const stalled = await costOf(drover);
  const isHeard = first.events() > 0 && least > 0;
  first.close();
  for (const reader of others) reader.close();
  if (!isHeard) throw new Error('somebody heard nothing');

  const what = `${perSecond.toFixed(0)} events/s to ${READERS} readers`;
  return [
    {
      name: `${what}, processor`,
      value: all.cpu,
      unit: '% of a core',
      target: 100,
      note: `${one.cpu.toFixed(0)} with one reader, ${alone.cpu.toFixed(0)} with none`,
    },
    {
      name: `${what}, memory`,
      value: (all.rssBytes - alone.rssBytes) / 1e6,
      unit: 'MB',
      target: 64,
      note: 'more than with no reader',
    },
    {
      name: `the same, ${READERS - 1} of them not reading, memory`,
      value: (stalled.rssBytes - alone.rssBytes) / 1e6,
      unit: 'MB',
      target: 64,
      note: `more than with no reader; processor ${stalled.cpu.toFixed(0)} %`,
    },
  ];
}

/** Each finished request is an event: so many a second, paced, until it is disposed of. */
function requesting(url: string, perSecond: number): Disposable {
  let isOver = false;
  const startedAt = performance.now();
  let asked = 0;
  const work = async (): Promise<void> => {
    while (!isOver) {
      if (asked >= ((performance.now() - startedAt) * perSecond) / 1000) await Bun.sleep(1);
      else {
        asked += 1;
        await (await fetch(`${url}/upstream/quiet/`)).arrayBuffer();
      }
    }
  };
  for (let worker = 0; worker < 8; worker += 1) void work();
  return {
    [Symbol.dispose]: () => {
      isOver = true;
    },
  };
}

const REQUESTS_PER_SECOND = 400;

/** The same for a WebSocket, whose events are requests that finish: beside the same requests with no reader. */
export async function benchSockets(): Promise<readonly Figure[]> {
  using data = temporaryFolder('bench-sockets');
  const program = join(import.meta.dir, '..', 'fixtures', 'talkative-server.ts');
  const cmd = `${JSON.stringify(process.execPath)} ${JSON.stringify(program)} \${PORT} 0`;
  writeFileSync(join(data.path, 'config.yaml'), `models:\n  quiet: { cmd: ${JSON.stringify(cmd)} }\n`);
  await using drover = await startDrover({ dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
  await drover.json('/drover/models/load', { model: 'quiet' });
  using _ = requesting(drover.url, REQUESTS_PER_SECOND);
  await Bun.sleep(1000);
  const alone = await costOf(drover);
  const first = await connectReader(drover.url, true, SOCKET);
  const others = await Promise.all(Array.from({ length: READERS - 1 }, () => connectReader(drover.url, false, SOCKET)));
  await Bun.sleep(1000);
  const seen = [first.events(), performance.now()] as const;
  const all = await costOf(drover);
  const perSecond = ((first.events() - seen[0]) * 1000) / (performance.now() - seen[1]);
  for (const reader of others) reader.pause();
  await Bun.sleep(1000);
  const stalled = await costOf(drover);
  first.close();
  for (const reader of others) reader.close();
  if (perSecond === 0) throw new Error('nobody heard anything');
  const what = `${perSecond.toFixed(0)} finished requests/s told to ${READERS} WebSockets`;
  return [
    {
      name: `${what}, processor beside the requests`,
      value: all.cpu - alone.cpu,
      unit: '% of a core',
      target: 100,
      note: `${alone.cpu.toFixed(0)} for the requests alone`,
    },
    {
      name: `the same, ${READERS - 1} of them not reading, memory`,
      value: (stalled.rssBytes - alone.rssBytes) / 1e6,
      unit: 'MB',
      target: 64,
      note: `more than with no reader; reading ${((all.rssBytes - alone.rssBytes) / 1e6).toFixed(0)} MB`,
    },
  ];
}
