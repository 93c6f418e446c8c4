// All that can be looked for, one after the other, as it is found. It changes nothing.
import type { Settings } from '../config/schema.ts';
import type { Engines } from '../engine/install.ts';
import { deviceNodes } from '../hardware/device-access.ts';
import { installCommandHere, isWanted, type Wanted } from '../hardware/system-packages.ts';
import { readVulkanParts } from '../hardware/vulkan.ts';
import type { Library } from '../models/library.ts';
import type { Drover } from './drover.ts';
import type { EngineChoice } from './engine-choice.ts';
import type { Finding } from './finding.ts';
import { engineFindings } from './findings-engine.ts';
import { type FolderFacts, folderFindings } from './findings-folder.ts';
import { deviceFindings, gpuFindings, hardwareFindings } from './findings-hardware.ts';
import { alteredFindings, modelFindings, type PublishedFile } from './findings-models.ts';
import {
  type ConfigurationWarnings,
  clockFindings,
  configurationFindings,
  exposureFindings,
  proxyFindings,
} from './findings-server.ts';

export interface FindingsOptions {
  readonly drover: Pick<Drover, 'hardware' | 'rescan' | 'models'>;
  readonly choice: Pick<EngineChoice, 'request' | 'build'>;
  readonly engines: Pick<Engines, 'current' | 'ladderStatus'>;
  readonly library: Pick<Library, 'summary'>;
  /** What whoever runs the program knows of it and its surroundings; absent: none of that is looked at. */
  readonly surroundings?: Surroundings;
  /** What was downloaded; absent: nobody knows. */
  readonly published?: () => readonly PublishedFile[];
}

export interface LookOptions {
  /** Reads all that was downloaded, which takes minutes. */
  readonly isDeep?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Surroundings {
  /** What in the configuration file is not understood. */
  readonly configWarnings: () => ConfigurationWarnings;
  readonly settings: () => Settings;
  readonly isLoopback: (listen: string) => boolean;
  readonly isAnybodyKnown: () => boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly userName: string;
  /** As they are now. */
  readonly folder: () => FolderFacts;
  /** Times that have passed for certain, epoch milliseconds. */
  readonly knownAt: () => readonly { readonly what: string; readonly at: number }[];
}

export async function* findings(
  options: FindingsOptions,
  { isDeep = false, signal }: LookOptions = {},
): AsyncGenerator<Finding, void, void> {
  const { drover, choice, engines, surroundings } = options;
  if (surroundings !== undefined) yield* aroundFindings(surroundings);
  const snapshot = await drover.hardware();
  yield* hardwareFindings(snapshot);
  yield* deviceFindings(deviceNodes(), surroundings?.userName ?? 'this user');
  const { ladder } = await choice.request();
  const vulkan = await readVulkanParts(surroundings?.environment.VK_DRIVER_FILES ?? '');
  const lacking: Wanted[] = [
    ...(vulkan?.hasLoader === false ? (['libvulkan.so.1'] as const) : []),
    ...(vulkan?.drivers.length === 0 ? (['vulkan-driver'] as const) : []),
  ];
  const build = choice.build ?? engines.current();
  const vulkanCommand = await installCommandHere(lacking);
  yield* gpuFindings({ gpus: snapshot.gpus, ladder, build, vulkan, vulkanCommand });
  yield* engineFindings({ choice, engines, install: installCommandHere, isKnownLibrary: isWanted });
  yield* modelFindings(options);
  yield* alteredFindings(options.published?.() ?? [], isDeep, signal);
  if (surroundings !== undefined) yield* folderFindings(surroundings.folder());
}

function* aroundFindings(around: Surroundings): Generator<Finding, void, void> {
  const settings = around.settings();
  yield* configurationFindings(around.configWarnings());
  yield* exposureFindings({
    settings,
    isLoopback: around.isLoopback(settings.listen),
    isAnybodyKnown: around.isAnybodyKnown(),
  });
  yield* proxyFindings(around.environment);
  yield* clockFindings(Date.now(), around.knownAt());
}
