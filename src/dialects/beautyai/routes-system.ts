// BeautyAI's routes about the machine and the server. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import { LONGEST_WINDOW_MINUTES } from '../../core/performance-window.ts';
import { countIn, isTrue, queryOf, readFields } from '../intake.ts';
import { described } from './described.ts';
import { flag, whole } from './schema.ts';
import {
  CacheClearedSchema,
  CacheSchema,
  LogsSchema,
  MemoryClearedSchema,
  MemorySchema,
  PerformanceSchema,
  ResourcesSchema,
  RestartSchema,
  StatusSchema,
} from './schema-system.ts';
import {
  cacheClearedToWire,
  cacheToWire,
  leftoversClearedToWire,
  logsToWire,
  memoryClearedToWire,
  memoryToWire,
  performanceToWire,
  resourcesToWire,
  restartingToWire,
  statusToWire,
  toLevel,
} from './shape-system.ts';
import { timed } from './timing.ts';

const MOST_LINES = 10_000;
const force = (what: string) => ({ name: 'force', in: 'query', description: what, schema: flag }) as const;

export function systemRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  machineRoutes(app, drover, desks);
  serverRoutes(app, drover);
  app
    .post('/system/memory/clear', ({ request }) => timed(() => clearMemory(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Give back memory that nobody uses',
        parameters: [force('true: unload the models that nobody asks just now.')],
        answer: MemoryClearedSchema,
      }),
    })
    .get('/system/cache', () => timed(() => cacheToWire(desks.storage.report(), loadedCount(drover))), {
      detail: described({ summary: 'The models that Drover downloaded, and prompt caches', answer: CacheSchema }),
    })
    .post('/system/cache/clear', ({ request }) => timed(() => clearCache(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Clear leftovers and prompt caches, or delete one downloaded model',
        description:
          'Without a name no model is deleted. Files that other programs or people brought are never touched. A loaded model is refused unless force is true.',
        parameters: [
          { name: 'model_name', in: 'query', description: 'The model whose download is deleted.' },
          force('true: unload it first.'),
        ],
        answer: CacheClearedSchema,
        errors: [400, 404],
      }),
    });
}

function machineRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  const { system } = desks;
  app
    .get('/system/status', ({ request }) => timed(() => status(drover, desks, request)), {
      detail: described({
        summary: 'The machine and the loaded models',
        parameters: [{ name: 'detailed', in: 'query', description: 'true: more of it.', schema: flag, example: true }],
        answer: StatusSchema,
      }),
    })
    .get('/system/memory', () => timed(async () => memoryToWire(await system.report({ hasLoad: false }))), {
      detail: described({ summary: 'Memory of the machine, the GPUs and the server', answer: MemorySchema }),
    })
    .get('/system/resources', () => timed(async () => resourcesToWire(await system.report({ hasLoad: true }))), {
      detail: described({ summary: 'How busy the machine is right now', answer: ResourcesSchema }),
    })
    .get('/system/performance', ({ request }) => timed(() => performance(desks, request)), {
      detail: described({
        summary: 'How requests fared over the last minutes',
        parameters: [
          {
            name: 'window_minutes',
            in: 'query',
            description: 'Minutes, the current one among them.',
            schema: whole(1, LONGEST_WINDOW_MINUTES),
            example: 60,
          },
        ],
        answer: PerformanceSchema,
        errors: [400],
      }),
    });
}

function serverRoutes(app: AnyElysia, drover: Drover): void {
  app
    .post('/system/restart', ({ request }) => timed(() => restart(drover, request)), {
      parse: 'none',
      detail: described({
        summary: 'Read the configuration again; unchanged models keep running',
        parameters: [force('true: a new process takes over.')],
        answer: RestartSchema,
        errors: [400],
      }),
    })
    .get('/system/logs', ({ request }) => timed(() => logs(drover, request)), {
      detail: described({
        summary: 'The latest lines of the log',
        parameters: [
          { name: 'level', in: 'query', description: 'This or worse: DEBUG, INFO, WARNING, ERROR.', example: 'INFO' },
          { name: 'lines', in: 'query', description: 'How many.', schema: whole(1, MOST_LINES), example: 100 },
        ],
        answer: LogsSchema,
        errors: [400],
      }),
    });
}

const loadedCount = (drover: Drover): number => drover.instances().filter(({ state }) => state === 'ready').length;

async function status(drover: Drover, { system, registrations }: Desks, request: Request): Promise<object> {
  const isDetailed = isTrue(queryOf(request).get('detailed'));
  const report = await system.report({ hasLoad: isDetailed });
  return statusToWire(report, registrations.list(), registrations.defaultName, drover.version, isDetailed);
}

async function clearMemory({ system }: Desks, request: Request): Promise<object> {
  await readFields(request);
  return memoryClearedToWire(await system.clearMemory({ force: isTrue(queryOf(request).get('force')) }));
}

async function clearCache({ storage, home }: Desks, request: Request): Promise<object> {
  await readFields(request);
  const query = queryOf(request);
  const name = query.get('model_name') || null;
  // Who names none has not said that all of them may be fetched again.
  if (name === null) return leftoversClearedToWire(await home.clearCaches(false));
  return cacheClearedToWire(await storage.clear(name, isTrue(query.get('force'))));
}

function performance({ performance: window }: Desks, request: Request): object {
  const minutes = countIn(queryOf(request), 'window_minutes', 60, 1, LONGEST_WINDOW_MINUTES);
  return performanceToWire(window.over(minutes), Date.now());
}

async function restart({ lifecycle }: Drover, request: Request): Promise<object> {
  await readFields(request);
  const isHard = isTrue(queryOf(request).get('force'));
  await lifecycle.begin({ isHard });
  return restartingToWire(isHard);
}

function logs({ log }: Drover, request: Request): object {
  const query = queryOf(request);
  const lines = countIn(query, 'lines', 100, 1, MOST_LINES);
  return logsToWire(log.recent(), toLevel(query.get('level') || 'INFO'), lines);
}
