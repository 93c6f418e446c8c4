// BeautyAI's API: models here, inference and the system beside it. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { Fault, toFault } from '../../base/fault.ts';
import { wrongValue } from '../../base/wrong-value.ts';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import { bodyOf, countIn, isTrue, pathOf, queryOf, readFields, restOf } from '../intake.ts';
import { described } from './described.ts';
import { benchmarkRoutes } from './routes-benchmark.ts';
import { inferenceRoutes } from './routes-inference.ts';
import { systemRoutes } from './routes-system.ts';
import { flag, whole } from './schema.ts';
import {
  AddBody,
  AddedSchema,
  AddOrRegistryBody,
  DetailsSchema,
  DoneSchema,
  ListSchema,
  LoadBody,
  LoadedSchema,
  RegistryBody,
  RemovedSchema,
  StatusSchema,
  UpdateBody,
  ValidationSchema,
} from './schema-models.ts';
import { asLoadFault } from './shape.ts';
import {
  addedToWire,
  changedWords,
  configOf,
  detailsToWire,
  doneToWire,
  listToWire,
  loadedToWire,
  registryToWire,
  removedToWire,
  statusToWire,
  toRegistration,
  toRegistrations,
  validationToWire,
} from './shape-models.ts';
import { timed } from './timing.ts';

const model = { name: 'name', in: 'path', description: 'Name, id or alias.', example: '{{model}}' } as const;
const registered = { ...model, example: '{{registeredModel}}' } as const;

export function beautyaiRoutes(app: AnyElysia, drover: Drover, desks: Desks): void {
  registryRoutes(app, desks);
  runRoutes(app, desks);
  inferenceRoutes(app, desks);
  benchmarkRoutes(app, desks);
  systemRoutes(app, drover, desks);
}

function registryRoutes(app: AnyElysia, desks: Desks): void {
  app
    .get('/models/', ({ request }) => timed(() => list(desks, request)), {
      detail: described({
        summary: 'List models: what was registered and what was found',
        parameters: [
          { name: 'limit', in: 'query', description: 'Absent: all.', schema: whole(1, 100), example: 100 },
          { name: 'offset', in: 'query', description: 'How many to skip.', schema: whole(0), example: 0 },
          { name: 'format', in: 'query', description: 'registry: the registered ones as one registry.' },
        ],
        answer: ListSchema,
        errors: [400],
      }),
    })
    .post('/models/', ({ request }) => timed(() => add(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Register a model, or a whole registry',
        description: 'A body with `models` is a registry: all of it is registered, or nothing.',
        body: { schema: AddOrRegistryBody },
        answer: AddedSchema,
        errors: [400],
      }),
    })
    .get('/models/:name', ({ request }) => timed(() => details(desks, request)), {
      detail: described({ summary: 'One model', parameters: [model], answer: DetailsSchema, errors: [404] }),
    })
    .put('/models/:name', ({ request }) => timed(() => update(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Change words of a model’s entry; a running model takes them up with its next load',
        parameters: [registered],
        body: { schema: UpdateBody },
        answer: DetailsSchema,
        errors: [400, 404],
      }),
    })
    .delete('/models/:name', ({ request }) => timed(() => remove(desks, request)), {
      detail: described({
        summary: 'Take a model out of the registry',
        parameters: [
          registered,
          {
            name: 'clear_cache',
            in: 'query',
            description: 'true: delete the file too, where Drover downloaded it.',
            schema: flag,
          },
        ],
        answer: RemovedSchema,
        errors: [400, 404],
      }),
    })
    .post('/models/default/:name', ({ request }) => timed(() => setDefault(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Make a model the one that is meant where none is named',
        parameters: [model],
        answer: DoneSchema,
        errors: [404],
      }),
    });
}

function runRoutes(app: AnyElysia, desks: Desks): void {
  app
    .post('/models/:name/load', ({ request }) => timed(() => load(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Load a model; one that is loaded stays as it is, unless force_reload is true',
        parameters: [model],
        body: { schema: LoadBody, isOptional: true },
        answer: LoadedSchema,
        errors: [404],
      }),
    })
    .post('/models/:name/unload', ({ request }) => timed(() => unload(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Unload a model, after its requests',
        parameters: [{ ...model, example: '{{loadedModel}}' }],
        answer: DoneSchema,
        errors: [400, 404],
      }),
    })
    .get('/models/:name/status', ({ request }) => timed(() => statusToWire(desks.registrations.get(nameIn(request)))), {
      detail: described({
        summary: 'Whether a model is loaded, and how it does',
        parameters: [model],
        answer: StatusSchema,
        errors: [404],
      }),
    })
    .post('/models/:name/validate', ({ request }) => timed(() => validate(desks, request)), {
      parse: 'none',
      detail: described({
        summary: 'Whether a model could be loaded, as far as that can be told without loading it',
        parameters: [model],
        answer: ValidationSchema,
        errors: [404],
      }),
    });
}

/** The name in `/models/NAME` and what is below it; `at`: its place in the path. */
function nameIn(request: Request, at = 2): string {
  const name = restOf(pathOf(request).split('/')[at] ?? '', '');
  if (name !== '') return name;
  throw new Fault('bad_request', 'The path names no model.', { details: { field: 'model_name' } });
}

function list({ registrations }: Desks, request: Request): object {
  const query = queryOf(request);
  const limit = query.has('limit') ? countIn(query, 'limit', 100, 1, 100) : null;
  const offset = countIn(query, 'offset', 0, 0, Number.MAX_SAFE_INTEGER);
  const format = query.get('format') ?? 'list';
  if (format === 'registry') return registryToWire(registrations.list(), registrations.defaultName);
  if (format === 'list') return listToWire(registrations.list(), limit, offset);
  throw new Fault('bad_request', '"format" is list or registry.', { details: { field: 'format' } });
}

async function add({ registrations }: Desks, request: Request): Promise<object> {
  const fields = await readFields(request);
  if (fields.models !== undefined && fields.model_config === undefined) {
    const { models, default_model: chosen = null } = held(RegistryBody, fields);
    return addedToWire(await registrations.add(toRegistrations(models), chosen), chosen);
  }
  const { model_name: name, model_config: words, set_as_default: isDefault } = held(AddBody, fields);
  const chosen = isDefault === true ? name : null;
  return addedToWire(await registrations.add([toRegistration(name, words)], chosen), chosen);
}

/** Throws `bad_request` that names the field. */
function held<S extends Parameters<typeof wrongValue>[0]>(schema: S, fields: object): S['static'] {
  const wrong = wrongValue(schema, fields);
  if (wrong === null) return fields;
  const field = wrong.path.join('.') || 'body';
  const message = wrong.isMissing ? `${field} is required` : `"${field}" is not right: ${wrong.message}.`;
  throw new Fault('bad_request', message, { details: { field } });
}

const details = ({ registrations }: Desks, request: Request): object =>
  detailsToWire(registrations.get(nameIn(request)), registrations.defaultName);

async function update({ registrations }: Desks, request: Request): Promise<object> {
  const name = nameIn(request);
  const { updates, set_as_default: isDefault } = await bodyOf(request, UpdateBody);
  if (updates === undefined && isDefault === undefined) {
    throw new Fault('bad_request', 'Nothing to change: send updates or set_as_default.', {
      details: { field: 'updates' },
    });
  }
  const isChange = updates !== undefined && Object.keys(updates).length > 0;
  const view = await registrations.update(
    name,
    isChange
      ? (before) =>
          toRegistration(
            before.name,
            changedWords(configOf(before), updates as Readonly<Record<string, unknown>>),
            'updates',
          )
      : null,
    isDefault ?? null,
  );
  return detailsToWire(view, registrations.defaultName);
}

const remove = async ({ registrations }: Desks, request: Request): Promise<object> =>
  removedToWire(await registrations.remove(nameIn(request), isTrue(queryOf(request).get('clear_cache'))));

async function setDefault({ registrations }: Desks, request: Request): Promise<object> {
  await readFields(request);
  return doneToWire(registrations.setDefault(nameIn(request, 3)).name, 'is the default model');
}

async function load({ registrations }: Desks, request: Request): Promise<object> {
  const { force_reload: force = false } = await bodyOf(request, LoadBody);
  try {
    return loadedToWire(await registrations.load(nameIn(request), { force, signal: request.signal }));
  } catch (thrown) {
    throw asLoadFault(toFault(thrown));
  }
}

async function unload({ registrations }: Desks, request: Request): Promise<object> {
  await readFields(request);
  return doneToWire((await registrations.unload(nameIn(request))).name, 'is unloaded');
}

async function validate({ registrations }: Desks, request: Request): Promise<object> {
  await readFields(request);
  const view = registrations.get(nameIn(request));
  return validationToWire(view, registrations.problems(view.name));
}
