// ClaraCore's routes about the configuration and the folders that it is made from. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import { mayDo } from '../../access/identity.ts';
import { Fault } from '../../base/fault.ts';
import type { Desks } from '../../core/desks.ts';
import type { Regenerated } from '../../core/regeneration.ts';
import { bodyOf, isTrue, pathOf, queryOf, readFields, restOf, shapedFields } from '../intake.ts';
import { described } from './described.ts';
import {
  AppendBody,
  AppendedSchema,
  ConfigBody,
  DeletedSchema,
  DuplicatesRemovedSchema,
  FoldersAddedSchema,
  FoldersBody,
  FoldersRemovedSchema,
  FoldersSchema,
  GenerateBody,
  MissingRemovedSchema,
  ModelBody,
  ModelWrittenSchema,
  PreviewBody,
  PreviewSchema,
  RegenerateBody,
  RegeneratedSchema,
  ScanBody,
  ScanSchema,
  SetupSchema,
  ValidSchema,
} from './schema-config.ts';
import { errorBody, statusFor } from './shape.ts';
import {
  addedToWire,
  appendedToWire,
  configToWire,
  deletedToWire,
  duplicatesToWire,
  foldersToWire,
  missingToWire,
  modelWrittenToWire,
  previewToWire,
  regeneratedToWire,
  removedToWire,
  scanToWire,
  setupToWire,
  startedToWire,
  toWishes,
  validToWire,
  writtenToWire,
} from './shape-config.ts';

/** A configuration that takes longer to make is answered for before it is finished. */
const PATIENCE_MS = 10_000;

const MODEL = '/api/config/model/';
const MODELS = '/api/config/models/';
const modelId = { name: 'id', in: 'path', description: 'Id or alias.', example: '{{model}}' } as const;

export function configRoutes(app: AnyElysia, desks: Desks): void {
  folderRoutes(app, desks);
  changes(app, desks);
  app
    .get('/api/config/validate', ({ request }) => validate(desks, request), {
      detail: described({ summary: 'Check the configuration that is in use', answer: ValidSchema, errors: [400] }),
    })
    .post('/api/config/validate', ({ request }) => validate(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Check a configuration without using it',
        body: { schema: ConfigBody },
        answer: ValidSchema,
        errors: [400],
      }),
    })
    .get('/api/setup/progress', () => setupToWire(desks.folders.setup), {
      detail: described({ summary: 'How far the making of a configuration has come', answer: SetupSchema }),
    });
}

function changes(app: AnyElysia, desks: Desks): void {
  const { configuration } = desks;
  app
    .post('/api/config/append-model', ({ request }) => append(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Give a GGUF file an entry of its own',
        body: { schema: AppendBody },
        answer: AppendedSchema,
        errors: [400, 404, 409],
      }),
    })
    .post('/api/config/add-model', ({ request }) => preview(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'What that entry would be; nothing is written',
        body: { schema: PreviewBody },
        answer: PreviewSchema,
        errors: [400, 404],
      }),
    })
    .post(`${MODEL}*`, ({ request }) => setModel(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Change only the parameters that are sent',
        parameters: [modelId],
        body: { schema: ModelBody },
        answer: ModelWrittenSchema,
        errors: [400, 404],
      }),
    })
    .delete(`${MODELS}*`, ({ request }) => remove(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Take a model’s entry out; ?file=true deletes its file as well',
        parameters: [
          { ...modelId, example: '{{configuredModel}}' },
          { name: 'file', in: 'query', description: 'true: delete the file too.' },
        ],
        answer: DeletedSchema,
        errors: [404, 409],
      }),
    })
    .post('/api/config/validate-models', async () => missingToWire(await configuration.removeMissing()), {
      parse: 'none',
      detail: described({
        summary: 'Take entries out whose file is not there any more',
        answer: MissingRemovedSchema,
      }),
    })
    .post('/api/config/cleanup-duplicates', async () => duplicatesToWire(await configuration.removeDuplicates()), {
      parse: 'none',
      detail: described({
        summary: 'Of several entries for one file, keep the first',
        answer: DuplicatesRemovedSchema,
      }),
    });
}

function folderRoutes(app: AnyElysia, desks: Desks): void {
  const { folders } = desks;
  app
    .get('/api/config/folders', () => foldersToWire(folders.list()), {
      detail: described({ summary: 'The tracked folders', answer: FoldersSchema }),
    })
    .post('/api/config/folders', ({ request }) => addFolders(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Track folders; their models are listed at once',
        body: { schema: FoldersBody },
        answer: FoldersAddedSchema,
        errors: [400],
      }),
    })
    .delete('/api/config/folders', ({ request }) => removeFolders(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Track folders no longer; nothing in them is touched',
        body: { schema: FoldersBody },
        answer: FoldersRemovedSchema,
        errors: [400],
      }),
    })
    .post('/api/config/scan-folder', ({ request }) => scan(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Look for models in folders',
        body: { schema: ScanBody },
        answer: ScanSchema,
        errors: [400],
      }),
    })
    .post('/api/config/regenerate-from-db', ({ request }) => regenerate(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Make the entries of all models in tracked folders; what was written by hand stays',
        description: 'Answers when it is done, or after ten seconds with 202: then see /api/setup/progress.',
        body: { schema: RegenerateBody, isOptional: true },
        answer: RegeneratedSchema,
        errors: [400, 404, 409],
      }),
    })
    .post('/api/config/generate-all', ({ request }) => generate(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'The same for one folder, which is tracked from then on',
        body: { schema: GenerateBody },
        answer: RegeneratedSchema,
        errors: [400, 404, 409],
      }),
    });
}

/** GET /api/config: its part of what is shown there. */
export const claraConfig = ({ configuration }: Pick<Desks, 'configuration'>) => configToWire(configuration.view());

/** POST /api/config with a text. */
export async function claraReplace(
  { configuration }: Pick<Desks, 'configuration'>,
  fields: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const { yaml } = shapedFields(fields, ConfigBody);
  if (yaml.trim() === '') {
    throw new Fault('bad_request', 'yaml is required', { details: { field: 'yaml' } });
  }
  return writtenToWire(await configuration.replace(yaml));
}

/** A configuration that is wrong is an answer, not a failure of the request. */
async function validate({ configuration }: Desks, request: Request): Promise<unknown> {
  const { yaml } = await readFields(request);
  if (yaml !== undefined && typeof yaml !== 'string') {
    throw new Fault('bad_request', '"yaml" must be a text.', { details: { field: 'yaml' } });
  }
  if (yaml === undefined && request.method === 'POST') {
    throw new Fault('bad_request', 'yaml is required', { details: { field: 'yaml' } });
  }
  try {
    return validToWire(yaml === undefined ? configuration.checkCurrent() : configuration.check(yaml));
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.kind !== 'config_invalid') throw thrown;
    return Response.json({ valid: false, ...errorBody(thrown) }, { status: statusFor(thrown.kind) });
  }
}

async function append({ configuration }: Desks, request: Request): Promise<unknown> {
  const { filePath, options, modelId: id } = await bodyOf(request, AppendBody);
  return appendedToWire(await configuration.append(filePath, toWishes(options), id === '' ? null : (id ?? null)));
}

async function preview({ configuration }: Desks, request: Request): Promise<unknown> {
  const { filePath, options } = await bodyOf(request, PreviewBody);
  return previewToWire(await configuration.preview(filePath, toWishes(options)));
}

async function setModel({ configuration }: Desks, request: Request): Promise<unknown> {
  const { contextSize, layers, cacheType, batchSize } = await bodyOf(request, ModelBody);
  const sent = { contextSize, layers, cacheType, batchSize };
  if (Object.values(sent).every((value) => value === undefined)) {
    throw new Fault('bad_request', 'Nothing to change: send contextSize, layers, cacheType or batchSize.');
  }
  return modelWrittenToWire(await configuration.setModel(restOf(pathOf(request), MODEL), sent), sent);
}

async function remove({ configuration }: Desks, request: Request): Promise<unknown> {
  const withFile = isTrue(queryOf(request).get('file'));
  if (withFile && !mayDo(request, 'model_delete')) {
    throw new Fault('forbidden', 'This key lacks the scope "model_delete", which deleting a file needs.', {
      details: { scope: 'model_delete' },
    });
  }
  return deletedToWire(await configuration.remove(restOf(pathOf(request), MODELS), withFile));
}

async function addFolders({ folders }: Desks, request: Request): Promise<unknown> {
  const { folderPaths, recursive } = await bodyOf(request, FoldersBody);
  requireSome(folderPaths, 'folderPaths');
  return addedToWire(await folders.add(folderPaths, recursive ?? true));
}

async function removeFolders({ folders }: Desks, request: Request): Promise<unknown> {
  const { folderPaths } = await bodyOf(request, FoldersBody);
  requireSome(folderPaths, 'folderPaths');
  return removedToWire(await folders.remove(folderPaths));
}

async function scan({ folders }: Desks, request: Request): Promise<unknown> {
  const { folderPath, folderPaths, recursive, addToDatabase } = await bodyOf(request, ScanBody);
  const paths = [...(folderPath === undefined ? [] : [folderPath]), ...(folderPaths ?? [])];
  requireSome(paths, 'folderPath or folderPaths');
  return scanToWire(await folders.scan([...new Set(paths)], recursive ?? true, addToDatabase ?? false));
}

async function regenerate({ folders }: Desks, request: Request): Promise<unknown> {
  const { options } = await bodyOf(request, RegenerateBody);
  return whenMade(folders.regenerate(toWishes(options)));
}

async function generate({ folders }: Desks, request: Request): Promise<unknown> {
  const { folderPath, options } = await bodyOf(request, GenerateBody);
  return whenMade(folders.generate(folderPath, toWishes(options)));
}

/** Its outcome, or 202 when it takes long; what goes wrong later is told by the progress. */
async function whenMade(job: Promise<Regenerated>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), PATIENCE_MS);
  });
  const made = await Promise.race([job, patience]).finally(() => clearTimeout(timer));
  if (made !== null) return regeneratedToWire(made);
  job.catch(() => undefined);
  return Response.json(startedToWire(), { status: 202 });
}

function requireSome(paths: readonly string[], name: string): void {
  if (paths.length === 0) throw new Fault('bad_request', `${name} is required`, { details: { field: name } });
}
