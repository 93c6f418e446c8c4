// llamactl's machine, configuration, logs and WebSocket. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault } from '../../base/fault.ts';
import { frameStream, NDJSON_HEADERS, SSE_HEADERS, sseComment } from '../../base/frames.ts';
import { LOG_LEVELS, type LogLevel } from '../../base/log.ts';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import type { InstanceDesk } from '../../core/instance-desk.ts';
import type { LogEntry, LogQuery } from '../../core/instance-logs.ts';
import type { SocketServer } from '../arrival.ts';
import { streamedText } from '../described.ts';
import { bodyOf, countIn, queryOf } from '../intake.ts';
import { upgrade } from '../socket.ts';
import { described } from './described.ts';
import { LlamactlFeed } from './feed.ts';
import { instanceName, nameIn } from './routes-instances.ts';
import {
  ConfigBody,
  ConfigChangedSchema,
  InfoSchema,
  LogsSchema,
  levelQuery,
  linesQuery,
  StatusSchema,
} from './schema-system.ts';
import { configChangedToWire, configEdits, llamactlConfigView } from './shape-config.ts';
import { infoToWire, statusToWire } from './shape-system.ts';
import { entryEvent, entryLine, entryToWire } from './stream.ts';

type SystemDesks = Pick<Desks, 'instances' | 'machine' | 'effective'>;

export function systemRoutes(app: AnyElysia, { bus }: Pick<Drover, 'bus'>, desks: SystemDesks): void {
  let feed: LlamactlFeed | null = null;
  const join = (request: Request, server: unknown): undefined => {
    // The desks are looked at when they are needed: a server that is only described has none.
    feed ??= new LlamactlFeed({ bus, instances: desks.instances, machine: desks.machine });
    const listening = feed;
    return upgrade(request, server as SocketServer | null, { open: (peer) => listening.join(peer) });
  };
  app
    .get('/api/system/status', async () => statusToWire(await desks.machine.status(), desks.instances.list()), {
      detail: described({ summary: 'This server, its instances and the machine, in figures', answer: StatusSchema }),
    })
    .get('/api/system/info', async () => infoToWire(await desks.machine.info()), {
      detail: described({ summary: 'What machine this is, in Go’s names', answer: InfoSchema }),
    })
    .put('/api/config', ({ request }) => configure(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Change settings under the names of llamactl’s view; checked first',
        body: { schema: ConfigBody },
        answer: ConfigChangedSchema,
        errors: [400, 403],
      }),
    })
    .get('/api/instances/:name/logs', ({ request }) => logs(desks.instances, request), {
      detail: described({
        summary: 'The log of an instance: its engine’s lines and its own changes, kept over restarts',
        description: 'With follow=true the entries go on as server-sent events, or as NDJSON where Accept asks for it.',
        parameters: [
          { ...instanceName, example: '{{instance}}' },
          {
            name: 'lines',
            in: 'query',
            description: 'The last so many, 1 to 10000.',
            schema: linesQuery,
            example: 100,
          },
          { name: 'level', in: 'query', description: 'That or worse.', schema: levelQuery },
          { name: 'follow', in: 'query', description: 'true: go on.' },
        ],
        answer: LogsSchema,
        alternatives: {
          'text/event-stream': () => streamedText('With follow=true: an entry per event.'),
          'application/x-ndjson': () => streamedText('With follow=true: an entry per line.'),
        },
        errors: [400, 404],
      }),
    })
    .get('/api/ws', ({ request, server }) => join(request, server), {
      detail: described({
        summary: 'WebSocket: changes of instances, figures of those that run, alarms',
        description:
          'Messages are `{"type", "timestamp", "data"}`: instance_status_changed {name, old_status, status}, instance_stats_updated {name, stats} every five seconds, system_alert {level, code, message}.',
        answer: null,
        errors: [400],
        exampleStatus: 400,
      }),
    });
}

async function configure({ effective }: SystemDesks, request: Request): Promise<unknown> {
  const sent = await bodyOf(request, ConfigBody);
  return configChangedToWire(await effective.change((view) => configEdits(sent, llamactlConfigView(view))));
}

async function logs(instances: InstanceDesk, request: Request): Promise<unknown> {
  const query = queryOf(request);
  const wanted: LogQuery = { count: countIn(query, 'lines', 100, 1, 10_000), level: levelIn(query) };
  const name = nameIn(request);
  if (!isAsked(query, 'follow')) return { logs: (await instances.logs(name, wanted)).map(entryToWire) };
  const isLines = /application\/(?:x-)?(?:ndjson|jsonl)/i.test(request.headers.get('accept') ?? '');
  return followed(instances.follow(name, wanted), request, isLines);
}

function followed(
  entries: (signal: AbortSignal) => AsyncGenerator<LogEntry, void, void>,
  request: Request,
  isLines: boolean,
): Response {
  const heartbeat = isLines ? '\n' : sseComment('still here');
  async function* frames(signal: AbortSignal): AsyncGenerator<string, void, void> {
    // The headers go out with the first bytes, and the next entry may be long in coming.
    yield heartbeat;
    for await (const entry of entries(signal)) yield isLines ? entryLine(entry) : entryEvent(entry);
  }
  return new Response(frameStream(frames, { signal: request.signal, heartbeat, onError: () => null }), {
    headers: isLines ? NDJSON_HEADERS : SSE_HEADERS,
  });
}

function levelIn(query: URLSearchParams): LogLevel | null {
  const text = query.get('level');
  if (text === null || text === '') return null;
  const level = LOG_LEVELS.find((known) => known === (text.toLowerCase() === 'warning' ? 'warn' : text.toLowerCase()));
  if (level !== undefined) return level;
  throw new Fault('bad_request', `"level" must be one of ${LOG_LEVELS.join(', ')}.`, { details: { field: 'level' } });
}

function isAsked(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  if (text === null || /^(?:false|0)$/i.test(text)) return false;
  if (/^(?:true|1|)$/i.test(text)) return true;
  throw new Fault('bad_request', `"${name}" must be true or false.`, { details: { field: name } });
}
