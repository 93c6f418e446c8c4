// What the configuration says about scheduling one model: idle time, concurrency, group. Pure.
import type { Settings } from '../config/schema.ts';
import type { Registry } from './registry.ts';
import type { ModelRule } from './scheduler-model.ts';
import type { Group } from './scheduler-policy.ts';

/** Reading from a warm disk cache, and starting the engine. */
const LOAD_BYTES_PER_MS = 1_000_000;
const ENGINE_START_MS = 300;

export function rulesOf(settings: () => Settings, registry: Registry): (modelId: string) => ModelRule {
  return (modelId) => {
    const current = settings();
    const model = registry.find(modelId);
    const entry = model?.entry;
    const limit = entry?.concurrencyLimit ?? 0;
    return {
      ttlMs: ttlOf(entry?.ttl, current.ttl),
      concurrencyLimit: limit > 0 ? limit : null,
      group: groupOf(current, modelId),
      estimatedLoadMs: ENGINE_START_MS + (model?.file?.sizeBytes ?? 0) / LOAD_BYTES_PER_MS,
    };
  };
}

/** Seconds of the file to milliseconds: -1 is never, 0 or nothing is the default, whose 0 is never. */
function ttlOf(own: number | undefined, fallback: number): number | null {
  if (own !== undefined && own < 0) return null;
  const seconds = own === undefined || own === 0 ? fallback : own;
  return seconds > 0 ? seconds * 1000 : null;
}

function groupOf(settings: Settings, modelId: string): Group | null {
  for (const [name, group] of Object.entries(settings.groups)) {
    if (!group.members.includes(modelId)) continue;
    return {
      name,
      swap: group.swap ?? true,
      exclusive: group.exclusive ?? true,
      persistent: group.persistent ?? false,
    };
  }
  return null;
}
