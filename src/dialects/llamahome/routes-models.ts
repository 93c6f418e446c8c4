// LlamaHome's models and configuration: the list, the active model, defaults, settings. Each route is one call to the core.
import type { AnyElysia } from 'elysia';
import { mayDo } from '../../access/identity.ts';
import { Fault, toFault } from '../../base/fault.ts';
import type { Drover } from '../../core/drover.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import { notLoaded } from '../../core/prompting.ts';
import { bodyOf, checked, fieldsOf } from './body.ts';
import { described } from './described.ts';
import { get, post } from './routes-names.ts';
import { ConfigBody, ConfigSchema, ResetSchema, SavedSchema } from './schema-config.ts';
import { ConfigureBody, ConfiguredSchema, LoadBody, ModelsSchema, statusOf } from './schema-models.ts';
import { toSampling } from './shape.ts';
import { configToWire, configuredToWire, loadedToWire, modelsToWire, toChange } from './shape-models.ts';

export interface ModelRoutes {
  readonly drover: Drover;
  readonly home: HomeDesk;
}

const BODY_ERRORS = [400, 401, 403, 404, 413, 415, 422, 429];

export function modelRoutes(app: AnyElysia, at: ModelRoutes): void {
  app.get('/api/models', () => modelsToWire(at.drover.models(), at.home.active.meantOrNull()?.id ?? null), {
    detail: described({ summary: 'All models', answer: ModelsSchema, errors: [401, 403, 429] }),
  });
  post(app, 'load_model', (request) => load(at, request), {
    summary: 'Load a model and make it the active one',
    description:
      'By the name of a known model, or by the path of a GGUF file on the server; a file that is not known yet is registered, for which the key needs the scope `model_write`.',
    body: { schema: LoadBody },
    answer: () => statusOf('llama-3.3-8b-q4_k_m is loaded.'),
    errors: [...BODY_ERRORS, 500, 503],
  });
  post(app, 'unload_model', (request) => unload(at, request), {
    summary: 'Unload the active model',
    description: 'Its requests may finish first.',
    answer: () => statusOf('llama-3.3-8b-q4_k_m is unloaded.'),
    errors: [401, 403, 404, 429, 500],
  });
  post(app, 'configure_model', (request) => configure(at, request), {
    summary: 'Change what requests to one model leave out',
    description: 'Counts at once; `save_config` makes it last.',
    body: { schema: ConfigureBody },
    answer: ConfiguredSchema,
    errors: [...BODY_ERRORS, 500],
  });
  get(app, 'get_config', () => configOf(at), {
    summary: 'The configuration, as it counts now',
    answer: ConfigSchema,
    errors: [401, 403, 429],
  });
  post(app, 'save_config', (request) => save(at, request), {
    summary: 'Save the configuration, so that a restart keeps it',
    description: 'Into the configuration file of the server, whose comments stay; the old one is backed up.',
    answer: SavedSchema,
    errors: [401, 403, 429, 500],
  });
  post(app, 'reset_config', (request) => reset(at, request), {
    summary: 'Back to the built-in defaults; save_config makes that last',
    answer: ResetSchema,
    errors: [401, 403, 429],
  });
}

async function load({ home }: ModelRoutes, request: Request): Promise<unknown> {
  const { model_path: path } = await bodyOf(request, LoadBody, home.bodyLimitMib);
  try {
    const { modelId } = await home.active.load(path, {
      signal: request.signal,
      mayRegister: mayDo(request, 'model_write'),
    });
    return loadedToWire(`${modelId} is loaded.`);
  } catch (thrown) {
    throw loadFault(toFault(thrown));
  }
}

/** A path that is refused is the caller's mistake, a model that does not come up is not. */
const loadFault = (fault: Fault): Fault =>
  fault.details.field === 'model_path' ? fault : notLoaded(fault, 'bad_gateway');

async function unload({ home }: ModelRoutes, request: Request): Promise<unknown> {
  await fieldsOf(request, home.bodyLimitMib);
  return loadedToWire(`${await home.active.unload()} is unloaded.`);
}

async function configure({ home }: ModelRoutes, request: Request): Promise<unknown> {
  const { model, ...params } = await bodyOf(request, ConfigureBody, home.bodyLimitMib);
  const sampling = toSampling(params);
  if (Object.values(sampling).every((value) => value === undefined)) {
    throw new Fault('bad_request', 'There is nothing to change.', {
      hint: 'Send temperature, max_tokens, top_p, frequency_penalty or presence_penalty.',
    });
  }
  const { id } = home.active.meant(model);
  home.defaults.change({ models: { [id]: sampling } });
  return configuredToWire(id, home.defaults.samplingOf(id));
}

const configOf = ({ drover, home }: ModelRoutes): ReturnType<typeof configToWire> =>
  configToWire({
    view: home.defaults.view(),
    meant: home.active.meantOrNull()?.id ?? null,
    settings: home.settings(),
    version: drover.version,
  });

/** POST /api/config where the body has no `yaml`: the configuration, changed as the body says. */
export function llamahomeConfigOf(at: ModelRoutes, fields: Readonly<Record<string, unknown>>): unknown {
  const change = toChange(checked(ConfigBody, fields), configOf(at), (name) => at.home.active.meant(name).id);
  at.home.defaults.change(change);
  return configOf(at);
}

async function save(at: ModelRoutes, request: Request): Promise<unknown> {
  const { home } = at;
  await fieldsOf(request, home.bodyLimitMib);
  const { backupPath } = await home.defaults.save();
  return { status: 'success', message: `Saved to ${home.configPath}.`, backup: backupPath };
}

async function reset(at: ModelRoutes, request: Request): Promise<unknown> {
  await fieldsOf(request, at.home.bodyLimitMib);
  at.home.defaults.reset();
  return { status: 'success', message: 'All is as built in, until it is saved.', ...configOf(at) };
}
