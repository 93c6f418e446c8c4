// llamactl's instances: made, listed, changed, started, stopped, looked at. Each route is one call to the desk of instances.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import type { InstanceDesk } from '../../core/instance-desk.ts';
import { bodyOf, pathOf, readFields } from '../intake.ts';
import { described } from './described.ts';
import {
  CreateBody,
  CreatedSchema,
  HealthSchema,
  InitiatedSchema,
  InstanceSchema,
  ListSchema,
  MessageSchema,
  ResultsSchema,
  StopBody,
  UpdateBody,
  UpdatedSchema,
} from './schema-instances.ts';
import {
  createdToWire,
  detailsToWire,
  healthToWire,
  initiatedToWire,
  listToWire,
  resultsToWire,
  toInstanceChange,
  toNewInstance,
  toStop,
  updatedToWire,
} from './shape-instances.ts';

type InstanceDesks = Pick<Desks, 'instances'>;

export const instanceName = { name: 'name', in: 'path', description: 'Its name.' } as const;
const existing = [{ ...instanceName, example: '{{instance}}' }];
const made = [{ ...instanceName, example: '{{createdInstance}}' }];

export function instanceRoutes(app: AnyElysia, desks: InstanceDesks): void {
  verbRoutes(app, desks);
  app
    .get('/api/instances', () => listToWire(desks.instances.list()), {
      detail: described({ summary: 'All instances: every model is one', answer: ListSchema }),
    })
    .post('/api/instances', ({ request, set }) => create(desks.instances, request, set), {
      parse: 'none',
      detail: described({
        summary: 'Create an instance; it is not started',
        description: 'Without a port it gets a free one. While it runs, its model answers there without being named.',
        body: { schema: CreateBody },
        status: 201,
        answer: CreatedSchema,
        errors: [400, 409],
      }),
    })
    .get('/api/instances/:name', ({ request }) => details(desks.instances, request), {
      detail: described({
        summary: 'One instance, with what its process takes',
        parameters: existing,
        answer: InstanceSchema,
        errors: [404],
      }),
    })
    .put('/api/instances/:name', ({ request }) => update(desks.instances, request), {
      parse: 'none',
      detail: described({
        summary: 'Change its options: those that are sent, null takes one away',
        description: 'A running instance goes on as it is; then requires_restart is true.',
        parameters: made,
        body: { schema: UpdateBody },
        answer: UpdatedSchema,
        errors: [404, 409],
      }),
    })
    .delete('/api/instances/:name', ({ request }) => remove(desks.instances, request), {
      parse: 'none',
      detail: described({
        summary: 'Delete an instance that is stopped; its file stays',
        parameters: made,
        answer: MessageSchema,
        errors: [404, 409],
      }),
    })
    .get('/api/instances/:name/health', ({ request }) => health(desks.instances, request), {
      detail: described({
        summary: 'Whether it is well: process, port and answer, looked at now',
        parameters: existing,
        answer: HealthSchema,
        errors: [404],
      }),
    });
}

function verbRoutes(app: AnyElysia, desks: InstanceDesks): void {
  app
    .post('/api/instances/start-all', ({ request }) => startAll(desks.instances, request), {
      parse: 'none',
      detail: described({ summary: 'Start all that are stopped, without waiting', answer: ResultsSchema }),
    })
    .post('/api/instances/stop-all', ({ request }) => stopAll(desks.instances, request), {
      parse: 'none',
      detail: described({ summary: 'Stop all that run, without waiting', answer: ResultsSchema }),
    })
    .post('/api/instances/:name/start', ({ request }) => start(desks.instances, request), {
      parse: 'none',
      detail: described({
        summary: 'Start it, without waiting; it is started again with the server until it is stopped',
        parameters: existing,
        answer: InitiatedSchema,
        errors: [404, 409],
      }),
    })
    .post('/api/instances/:name/stop', ({ request }) => stop(desks.instances, request), {
      parse: 'none',
      detail: described({
        summary: 'Stop it, without waiting',
        parameters: existing,
        body: { schema: StopBody, isOptional: true },
        answer: InitiatedSchema,
        errors: [404],
      }),
    })
    .post('/api/instances/:name/restart', ({ request }) => restart(desks.instances, request), {
      parse: 'none',
      detail: described({
        summary: 'Stop it, then start it with its options as they are now',
        parameters: existing,
        body: { schema: StopBody, isOptional: true },
        answer: InitiatedSchema,
        errors: [404, 409],
      }),
    });
}

const PREFIX = '/api/instances/';

/** The name in the path, percent-decoded. */
export function nameIn(request: Request): string {
  const [encoded = ''] = pathOf(request).slice(PREFIX.length).split('/');
  try {
    return decodeURIComponent(encoded);
  } catch {
    // It is nobody's name as it stands, and is told so.
    return encoded;
  }
}

async function create(instances: InstanceDesk, request: Request, set: { status?: unknown }): Promise<unknown> {
  const created = await instances.create(toNewInstance(await bodyOf(request, CreateBody)));
  set.status = 201;
  return createdToWire(created);
}

function details(instances: InstanceDesk, request: Request): unknown {
  const instance = instances.get(nameIn(request));
  return detailsToWire(instance, instances.stats(instance));
}

async function update(instances: InstanceDesk, request: Request): Promise<unknown> {
  const change = toInstanceChange(await bodyOf(request, UpdateBody));
  const { instance, isWaiting } = await instances.update(nameIn(request), change);
  return updatedToWire(instance, isWaiting);
}

async function remove(instances: InstanceDesk, request: Request): Promise<unknown> {
  await readFields(request);
  await instances.remove(nameIn(request));
  return { message: 'Instance deleted successfully' };
}

async function start(instances: InstanceDesk, request: Request): Promise<unknown> {
  await readFields(request);
  return initiatedToWire('start', instances.start(nameIn(request)));
}

async function stop(instances: InstanceDesk, request: Request): Promise<unknown> {
  const options = toStop(await bodyOf(request, StopBody));
  return initiatedToWire('stop', instances.stop(nameIn(request), options));
}

async function restart(instances: InstanceDesk, request: Request): Promise<unknown> {
  const options = toStop(await bodyOf(request, StopBody));
  return initiatedToWire('restart', instances.restart(nameIn(request), options));
}

async function startAll(instances: InstanceDesk, request: Request): Promise<unknown> {
  await readFields(request);
  return resultsToWire('Start', instances.startAll());
}

async function stopAll(instances: InstanceDesk, request: Request): Promise<unknown> {
  await readFields(request);
  return resultsToWire('Stop', instances.stopAll());
}

const health = async (instances: InstanceDesk, request: Request): Promise<unknown> =>
  healthToWire(await instances.health(nameIn(request)));
