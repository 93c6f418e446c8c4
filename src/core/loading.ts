// One load from the model and its placement to a process specification: which files, which argv, which environment.
// It must never start anything; instances do.
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { Fault } from '../base/fault.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { EngineBuild } from '../engine/build.ts';
import { argvFor } from '../engine/command.ts';
import { environmentFor } from '../engine/command-environment.ts';
import { checkFlags } from '../engine/flags.ts';
import type { ProcessSpec } from '../engine/process.ts';
import type { ModelKind } from '../gguf/facts.ts';
import { readModelFacts } from '../models/gguf-file.ts';
import { type Budget, pooled } from './budget.ts';
import { givenPort } from './given-port.ts';
import { type Correction, HOST, type NoFit, type Placement, place } from './placement.ts';
import type { RegisteredModel } from './registry.ts';

/** What the configuration room knows of `cmd` entries; passed in, since settings are values. */
export interface CustomCommands {
  wantsPort(entry: ModelEntry): boolean;
  /** Ports at which instances are to be reached while they run; nobody may listen there yet. */
  promisedPorts(): Iterable<number>;
  command(
    settings: Settings,
    id: string,
    entry: ModelEntry,
    portNumber: number,
  ): {
    readonly argv: readonly string[];
    readonly baseUrl: string;
    readonly healthPath: string | null;
    readonly environment: Readonly<Record<string, string>>;
    readonly stopArgv: (pid: number) => readonly string[] | null;
  };
}

export interface LoadingContext {
  readonly settings: Settings;
  /** The environment that children inherit a scrubbed part of. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly custom: CustomCommands;
  /** Where children run: a folder of ours, never the current one (the engine looks for plugins there). */
  readonly workingFolder: string;
}

/** What the settings say of contexts, where an entry says nothing. */
export type ContextSettings = Pick<Settings, 'preferredContext' | 'minContext' | 'throughputFirst'>;

/** What is wished for the context of a model where its entry does not fix it. */
export const contextWishes = (entry: ModelEntry, settings: ContextSettings) => ({
  preferredContextTokens: entry.preferredContext ?? settings.preferredContext,
  minContextTokens: entry.minContext ?? settings.minContext,
  isContextFirst: !(entry.throughputFirst ?? settings.throughputFirst),
});

/** Places a model of the library within what is left of a budget. */
export function placeModel(
  model: RegisteredModel,
  budget: Budget,
  reservedBytes: Readonly<Record<string, number>>,
  settings: ContextSettings,
  correction: Correction | null,
): Placement | NoFit {
  const file = requireFile(model);
  const { entry } = model;
  const reserved = (id: string): number => pooled(budget.devices, reservedBytes, id);
  const flags = checkFlags(entry.flags ?? {}, 'file').planned;
  return place({
    facts: file.facts,
    projector: file.projectorFacts,
    draft: entry.draft === undefined ? null : readModelFacts(entry.draft),
    devices: budget.devices.map((device) => ({
      id: device.id,
      budgetBytes: Math.max(0, device.budgetBytes - reserved(device.id)),
      isUnified: device.isUnified,
      backend: device.backend,
    })),
    host: { budgetBytes: Math.max(0, budget.host.budgetBytes - reserved(HOST)) },
    settings: {
      contextTokens: entry.contextSize ?? flags.contextTokens,
      ...contextWishes(entry, settings),
      gpuLayers: entry.gpuLayers ?? flags.gpuLayers,
      cacheType: entry.cacheType ?? flags.cacheType,
      slotCount: entry.parallel ?? flags.slotCount,
      batchTokens: entry.batchSize ?? flags.batchTokens,
      microBatchTokens: flags.microBatchTokens,
      threads: entry.threads ?? flags.threads,
    },
    correction,
  });
}

/** What to start for a model of the library, once it is placed. */
export function engineSpec(
  model: RegisteredModel,
  placement: Placement,
  build: EngineBuild,
  context: LoadingContext,
): ProcessSpec {
  const file = requireFile(model);
  const { entry } = model;
  const apiKey = randomBytes(24).toString('base64url');
  return {
    name: model.id,
    argv: engineArgv(model, placement, build, context.settings),
    environment: environmentFor({
      apiKey,
      inherited: context.environment,
      extra: [build.environment, environmentOf(entry)],
    }),
    workingFolder: context.workingFolder === '' ? dirname(file.path) : context.workingFolder,
    host: '127.0.0.1',
    portNumber: null,
    healthPath: '/health',
    apiKey,
    readyTimeoutMs: context.settings.healthCheckTimeout * 1000,
    stopTimeoutMs: STOP_MS,
    stopCommand: null,
  };
}

/** The same argv that a load would use, for people to read. */
export function engineArgv(
  model: RegisteredModel,
  placement: Placement,
  build: EngineBuild,
  settings: Pick<Settings, 'enableJinja'>,
): string[] {
  const file = requireFile(model);
  const { entry } = model;
  const flags = settings.enableJinja ? entry.flags : { jinja: false, ...entry.flags };
  return argvFor({
    flags: build.flags,
    launch: build.launch,
    plan: placement.plan,
    files: { model: file.path, projector: file.projectorPath, draft: entry.draft ?? null },
    kind: engineKind(file.facts.kind),
    userFlags: checkFlags(flags ?? {}, 'file', build.flags).argv,
    alias: model.id,
    chatTemplate: entry.chatTemplate ?? null,
  });
}

/** What to start for a `cmd` entry. */
export function customSpec(
  model: RegisteredModel,
  takenPorts: ReadonlySet<number>,
  context: LoadingContext,
): ProcessSpec {
  const { settings, custom } = context;
  const wantsPort = custom.wantsPort(model.entry);
  const commandAt = (portNumber: number) => custom.command(settings, model.id, model.entry, portNumber);
  const portNumber = wantsPort ? givenPort(commandAt(0), settings.startPort, takenPorts) : 0;
  const command = commandAt(portNumber);
  return {
    name: model.id,
    argv: command.argv,
    environment: { ...environmentFor({ apiKey: null, inherited: context.environment }), ...command.environment },
    workingFolder: context.workingFolder,
    host: '127.0.0.1',
    portNumber: wantsPort ? portNumber : null,
    healthPath: command.healthPath,
    baseUrl: command.baseUrl,
    apiKey: null,
    readyTimeoutMs: settings.healthCheckTimeout * 1000,
    stopTimeoutMs: STOP_MS,
    stopCommand:
      command.stopArgv(0) === null ? null : model.entry.cmdStop === undefined ? null : stopWords(command.stopArgv),
  };
}

/** Between SIGTERM and SIGKILL; llama-server needs milliseconds, a large model's memory takes a while to free. */
const STOP_MS = 10_000;

// The supervisor fills in the pid; a number that cannot be one marks the place.
const stopWords = (stopArgv: (pid: number) => readonly string[] | null): readonly string[] | null =>
  stopArgv(PID_MARK)?.map((word) => word.replaceAll(String(PID_MARK), '${PID}')) ?? null;
const PID_MARK = 2_147_483_646;

/** The file of a model that can be loaded; else a Fault `unprocessable` that says why not. */
export function requireFile(model: RegisteredModel) {
  const { file } = model;
  if (file === null) throw new Fault('internal', `${model.id} is a custom command; it has no file to place.`);
  if (file.fault !== null || file.facts === null) {
    throw new Fault(
      'unprocessable',
      `The file of ${model.id} cannot be used: ${file.fault?.message ?? 'it was not read'}`,
      {
        hint: file.fault?.hint ?? `Look at ${file.path}; download it again if it is cut.`,
        cause: file.fault,
        blame: 'machine',
      },
    );
  }
  return { ...file, facts: file.facts };
}

const engineKind = (kind: ModelKind): 'text' | 'embedding' | 'reranker' =>
  kind === 'embedding' || kind === 'reranker' ? kind : 'text';

const environmentOf = (entry: ModelEntry): Record<string, string> =>
  Object.fromEntries((entry.env ?? []).map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]));
