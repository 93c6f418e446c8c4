// ClaraCore's routes about the machine, the settings, the engine and the server itself. Each is one call to the core.
import type { AnyElysia } from 'elysia';
import type { Desks } from '../../core/desks.ts';
import type { Drover } from '../../core/drover.ts';
import type { Lifecycle } from '../../core/lifecycle.ts';
import { bodyOf, readFields } from '../intake.ts';
import { described } from './described.ts';
import {
  BinarySchema,
  BinaryUpdatedSchema,
  DetectionSchema,
  HubKeyBody,
  HubKeySchema,
  RestartSchema,
  SavedSchema,
  SettingsBody,
  SettingsSchema,
  SpecsSchema,
} from './schema-system.ts';
import {
  binaryToWire,
  detectionToWire,
  hubKeyToWire,
  restartingToWire,
  settingsToWire,
  specsToWire,
  toSettingsChange,
  updatedToWire,
} from './shape-system.ts';

export function systemRoutes(app: AnyElysia, { lifecycle }: Pick<Drover, 'lifecycle'>, desks: Desks): void {
  const { advisor, settings, hubToken, engine } = desks;
  app
    .get('/api/system/specs', async () => specsToWire((await advisor.report()).snapshot), {
      detail: described({ summary: 'Memory, processor, GPU and disk, in bytes', answer: SpecsSchema }),
    })
    .get('/api/system/detection', async () => detectionToWire(await advisor.report()), {
      detail: described({
        summary: 'The machine and what would suit it',
        description: 'Recommendations are worked out by placing a model on this machine, not looked up in a table.',
        answer: DetectionSchema,
      }),
    })
    .get('/api/settings/system', async () => ({ settings: settingsToWire(await settings.view()) }), {
      detail: described({ summary: 'The settings of the set-up, as they are in effect', answer: SettingsSchema }),
    })
    .post('/api/settings/system', ({ request }) => saveSettings(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Save the settings of the set-up; requireApiKey with apiKey locks at once',
        body: { schema: SettingsBody },
        answer: SavedSchema,
        errors: [400, 403],
      }),
    })
    .get('/api/settings/hf-api-key', () => hubKeyToWire(hubToken), {
      detail: described({ summary: 'Whether a token for Hugging Face is there', answer: HubKeySchema }),
    })
    .post('/api/settings/hf-api-key', ({ request }) => saveHubKey(desks, request), {
      parse: 'none',
      detail: described({
        summary: 'Save the token for Hugging Face; an empty one removes it',
        body: { schema: HubKeyBody },
        answer: SavedSchema,
        errors: [400],
      }),
    })
    .get('/api/binary/status', async () => binaryToWire(await engine.report()), {
      detail: described({
        summary: 'The llama-server in use, and whether a newer one is to be had',
        description: 'What is not known (offline, for instance) is null, and `error` says why.',
        answer: BinarySchema,
      }),
    })
    .post('/api/binary/update', ({ request }) => update(desks, request, false), {
      parse: 'none',
      detail: described({
        summary: 'Bring the newest llama-server; the one in use stays until that has proved itself',
        answer: BinaryUpdatedSchema,
        errors: [409, 503],
      }),
    })
    .post('/api/binary/update/force', ({ request }) => update(desks, request, true), {
      parse: 'none',
      detail: described({
        summary: 'The same, and prove it anew where it is the newest already',
        answer: BinaryUpdatedSchema,
        errors: [409, 503],
      }),
    })
    .post('/api/server/restart', ({ request }) => restart(lifecycle, request, false), {
      parse: 'none',
      detail: described({
        summary: 'Read the configuration again; models that are configured as before keep running',
        answer: RestartSchema,
        errors: [400],
      }),
    })
    .post('/api/server/restart/hard', ({ request }) => restart(lifecycle, request, true), {
      parse: 'none',
      detail: described({
        summary: 'Let a new process take over; requests in flight end in the old one',
        description: 'If the new process does not come up, the old one serves on, and its log says why.',
        answer: RestartSchema,
        errors: [400, 409],
      }),
    });
}

async function restart(lifecycle: Lifecycle, request: Request, isHard: boolean): Promise<unknown> {
  await readFields(request);
  await lifecycle.begin({ isHard });
  return restartingToWire(isHard);
}

async function saveSettings({ settings }: Desks, request: Request): Promise<unknown> {
  const write = await settings.save(toSettingsChange(await bodyOf(request, SettingsBody)));
  return { status: 'saved', ...(write.affected.length === 0 ? {} : { affectedModels: write.affected }) };
}

async function saveHubKey({ hubToken }: Desks, request: Request): Promise<unknown> {
  hubToken.save((await bodyOf(request, HubKeyBody)).apiKey);
  if (!hubToken.isFromEnvironment) return { status: 'saved' };
  return { status: 'saved', note: 'HF_TOKEN of the environment has the last word until Drover is started without it.' };
}

const update = async ({ engine }: Desks, request: Request, isForced: boolean): Promise<unknown> =>
  updatedToWire(await engine.update(isForced, request.signal), isForced);
