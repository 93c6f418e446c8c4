// OBT's API: models, hardware, sessions of tests and what came of them. Each route is one call to the core.
import { Type } from '@sinclair/typebox';
import type { AnyElysia } from 'elysia';
import { Fault, toFault } from '../../base/fault.ts';
import { testPlan } from '../../core/bench-plans.ts';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import type { SocketServer } from '../arrival.ts';
import type { Parameter } from '../described.ts';
import { bodyOf, pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { upgrade } from '../socket.ts';
import { described } from './described.ts';
import { progressHandlers } from './feed.ts';
import { metricsIn, pageOf, resultQuery, sessionQuery } from './query.ts';
import * as schema from './schema.ts';
import * as shape from './shape.ts';

const ONE = '/api/v1/test-sessions/';
const SOCKETS = ['/ws/test-progress', '/api/v1/ws/test-progress'] as const;
/** Without a word about it a list of results is as long as a page may be. */
const RESULTS_LIMIT = 200;
const SESSIONS_LIMIT = 50;
const ITERATIONS = 3;

const query = (name: string, description: string, more: Partial<Parameter> = {}): Parameter => ({
  name,
  in: 'query',
  description,
  ...more,
});
const paging = (usual: number): readonly Parameter[] => [
  query('page', 'Counted from 1.', { schema: Type.Integer({ minimum: 1, default: 1 }) }),
  query('limit', 'Of a page.', { schema: Type.Integer({ minimum: 1, maximum: 200, default: usual }) }),
];
const sessionOfPath = (example: string): Parameter => ({
  name: 'id',
  in: 'path',
  description: 'As POST /api/v1/test-sessions told it.',
  example,
});

export function obtRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  const { machineFacts } = desks;
  sessionRoutes(app, drover, desks);
  app
    .get('/api/v1/models', () => shape.modelsToWire(drover.models()), {
      detail: described({ summary: 'Models that can be tested', answer: schema.ModelsSchema }),
    })
    .get('/api/v1/hardware', async () => shape.hardwareToWire(await machineFacts()), {
      detail: described({
        summary: 'The machine',
        description: 'Every field is there; what nobody tells is "unknown" or 0.',
        answer: schema.HardwareSchema,
      }),
    })
    .get('/api/v1/test-types', () => shape.testTypesToWire(), {
      detail: described({ summary: 'Types of tests', answer: schema.TestTypesSchema }),
    })
    .get('/api/v1/test-results', ({ request }) => results(drover, desks, request), {
      detail: described({
        summary: 'What tests came to, newest first',
        parameters: [
          query('modelName', 'Id or alias.', { example: '{{model}}' }),
          query('hardwareConfig', 'Found anywhere in the hardware: a processor, a GPU, a system.'),
          query('dateRange[start]', 'Not before; a date or a time. Also spelled dateRange.start.', {
            example: '2024-01-01',
          }),
          query('dateRange[end]', 'Not after; a date is the whole day, in UTC.'),
          query('metrics', 'Only these figures; repeated, or separated by commas.', {
            example: 'tokensPerSecond,inferenceTime',
          }),
          ...paging(RESULTS_LIMIT),
        ],
        answer: schema.ResultsSchema,
        errors: [400],
      }),
    });
  for (const path of SOCKETS) {
    app.get(path, ({ request, server }) => progress(drover, desks, request, server), {
      detail: described({
        summary: 'Progress of tests as a WebSocket',
        description:
          'Messages are JSON: `type` (progress, complete, error), `sessionId`, `modelName`, `testType`, `progress` (0–100), then `metrics` or `error`. Of each test comes exactly one complete or error.',
        parameters: [
          query(
            'sessionId',
            'Only of this session, and first what has ended of it already. Without it: of all, from now on.',
          ),
        ],
        answer: null,
        errors: [400, 404],
        // Whoever tries it with plain HTTP is told that it is a WebSocket.
        exampleStatus: 400,
      }),
    });
  }
}

function sessionRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  const { tests } = desks;
  app
    .post('/api/v1/test-sessions', ({ request }) => start(drover, desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Start a session of tests',
        description:
          'Every type with every model, model by model, one session at a time. A model is unloaded after its tests unless it is pinned or has requests; what was loaded before comes back at the end, where there is room.',
        body: { schema: schema.SessionBody },
        answer: schema.StartedSchema,
        errors: [429],
      }),
    })
    .get('/api/v1/test-sessions', ({ request }) => sessions(desks, request), {
      detail: described({
        summary: 'Sessions, newest first',
        parameters: [
          query('search', 'Found in id, name, models, types or tags.'),
          query('tags', 'Sessions with all of these; repeated, or separated by commas.'),
          ...paging(SESSIONS_LIMIT),
        ],
        answer: schema.SessionsSchema,
        errors: [400],
      }),
    })
    .get(`${ONE}:id`, ({ request }) => shape.sessionToWire(tests.get(idOf(request))), {
      detail: described({
        summary: 'One session, test by test',
        parameters: [sessionOfPath('{{testSession}}')],
        answer: schema.SessionSchema,
        errors: [404],
      }),
    })
    .post(`${ONE}:id/cancel`, ({ request }) => cancel(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Cancel a session; what is completed stays',
        parameters: [sessionOfPath('{{testSession}}')],
        answer: schema.ChangedSchema,
        errors: [404],
      }),
    })
    .delete(`${ONE}:id`, ({ request }) => remove(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Delete a session and its results; one that runs is cancelled',
        parameters: [sessionOfPath('{{endedTestSession}}')],
        answer: schema.ChangedSchema,
        errors: [404],
      }),
    });
}

const idOf = (request: Request): string => restOf(pathOf(request), ONE).replace(/(?:\/cancel)?\/?$/, '');

async function start(drover: Drover, { tests }: Desks, request: Request): Promise<unknown> {
  const { models, testTypes, iterations = ITERATIONS, tags = [] } = await bodyOf(request, schema.SessionBody);
  const ids = unique(models.map((name) => knownModel(drover, name)));
  const kinds = unique(testTypes.map(knownKind));
  const session = await tests.start({
    owner: 'obt',
    tags: unique(tags.map((tag) => tag.trim()).filter((tag) => tag !== '')),
    tests: ids.flatMap((id) => kinds.map((kind) => ({ kind, plan: testPlan(id, kind, iterations) }))),
  });
  return shape.startedToWire(session);
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** In this API what a body names wrongly is the body's fault. */
function knownModel(drover: Drover, name: string): string {
  try {
    return drover.model(name).id;
  } catch (thrown) {
    const { message, hint, details } = toFault(thrown);
    throw new Fault('bad_request', message, { hint, details: { field: 'models', ...details } });
  }
}

function knownKind(name: string) {
  const kind = shape.kindOf(name);
  if (kind !== null) return kind;
  throw new Fault('bad_request', `There is no test type "${name.slice(0, 100)}".`, {
    hint: 'GET /api/v1/test-types lists them.',
    details: { field: 'testTypes' },
  });
}

function sessions({ tests }: Desks, request: Request): unknown {
  const asked = queryOf(request);
  const page = pageOf(asked, SESSIONS_LIMIT);
  const { items, total } = tests.list(sessionQuery(asked, page));
  return { sessions: items.map(shape.sessionToRow), total, ...page };
}

function results(drover: Drover, { tests }: Desks, request: Request): unknown {
  const asked = queryOf(request);
  const page = pageOf(asked, RESULTS_LIMIT);
  const names = metricsIn(asked);
  const wanted = resultQuery(asked, page);
  const { items, total } = tests.results({ ...wanted, modelId: idOfName(drover, wanted.modelId) });
  return { results: items.map((item) => shape.resultToWire(item, names)), total, ...page };
}

/** A model that is gone is known by its results still. */
function idOfName(drover: Drover, name: string | null): string | null {
  if (name === null) return null;
  try {
    return drover.model(name).id;
  } catch {
    return name;
  }
}

async function cancel({ tests }: Desks, request: Request): Promise<unknown> {
  // The body is ignored, but its sender must not be kept waiting for somebody to read it.
  await readFields(request);
  return shape.changedToWire(await tests.cancel(idOf(request)), 'cancelled');
}

async function remove({ tests }: Desks, request: Request): Promise<unknown> {
  await readFields(request);
  return shape.changedToWire(await tests.remove(idOf(request)), 'deleted');
}

function progress(drover: Drover, { tests }: Desks, request: Request, server: SocketServer | null): unknown {
  const asked = queryOf(request).get('sessionId');
  // Said before the upgrade, where a status can still be told.
  const id = asked === null || asked === '' ? null : tests.get(asked).id;
  return upgrade(request, server, progressHandlers({ bus: drover.bus, tests }, id));
}
