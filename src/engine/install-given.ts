// An engine of the user's own, given by path or found on PATH: inspected once, and again only when its file changes.
// It stays where it is, and nothing of it is ever deleted.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault, toFault } from '../base/fault.ts';
import type { Backend, EngineBuild } from './build.ts';
import { isSafeBuild, OLDEST_SAFE_BUILD, type Rung } from './catalog.ts';
import { backendOf, type Inspection, inspectBuild } from './inspect.ts';
import type { Attempt, InstallContext } from './install-climb.ts';
import { isSameStamp, readRecord, stampOf, writeRecord } from './installed.ts';
import { proveBuild } from './proof.ts';
import { localRecipe } from './sources/local.ts';

/**
 * `given`: by `--engine`; whoever names it answers for it, so it is inspected, not proved: it may be one that cannot run
 * our probe model. `path`: found on PATH; it is proved. What was learned lies in `<root>/<name>.json`.
 * Faults: `not_found`, `unprocessable`, `engine_unobtainable` where it does not run.
 */
export async function useGiven(
  path: string,
  name: 'given' | 'path',
  machineKey: string,
  context: InstallContext,
): Promise<EngineBuild> {
  const recipe = localRecipe(path);
  const executable = stampOf(recipe.launch.at(-1) ?? '');
  if (executable === null) throw new Fault('not_found', `The engine ${path} does not exist.`);
  const folder = dirname(executable.path);
  const file = join(context.root, `${name}.json`);
  const known = readRecord(folder, file);
  if (known !== null && known.machineKey === machineKey && isSameStamp(known.executable, executable))
    return known.build;
  let inspection: Inspection;
  try {
    inspection = await inspectBuild(recipe, context);
  } catch (thrown) {
    context.signal?.throwIfAborted();
    throw new Fault('engine_unobtainable', `The engine ${path} does not run. ${toFault(thrown).message}`, {
      cause: thrown,
      blame: 'engine',
      hint: 'Give another one, or `--engine auto`.',
    });
  }
  const backend = backendOf(inspection.devices.map((device) => device.id));
  const unproved: EngineBuild = { id: name, ...inspection, backend, source: 'given', folder, ...recipe, proof: null };
  const build = name === 'given' ? unproved : { ...unproved, proof: await proveBuild(unproved, context) };
  if (!isSafeBuild(build.buildNumber)) {
    context.log.warn('this engine is old and has known holes', {
      path,
      build: build.buildNumber,
      oldestSafe: OLDEST_SAFE_BUILD,
    });
  }
  mkdirSync(context.root, { recursive: true });
  writeRecord({ build, executable, machineKey, installedAt: Date.now() }, file);
  return build;
}

/**
 * An engine on PATH, where it is as good as a fetched one: new enough, and proven for this very backend. Else null, with
 * the reason in `attempts`.
 */
export async function usePath(
  path: string,
  rung: Rung,
  machineKey: string,
  context: InstallContext,
  attempts: Attempt[],
): Promise<EngineBuild | null> {
  const refuse = (reason: string): null => {
    attempts.push({ backend: rung.backend, source: 'PATH', id: path, reason });
    return null;
  };
  try {
    const build = await useGiven(path, 'path', machineKey, context);
    const reason = refusalOf(build, rung.backend, context.oldestBuild);
    return reason === null ? build : refuse(reason);
  } catch (thrown) {
    context.signal?.throwIfAborted();
    return refuse(toFault(thrown).message);
  }
}

/** Why an engine on PATH is not taken for a rung; null where it is as good as a fetched one. */
function refusalOf(build: EngineBuild, backend: Backend, oldestBuild: number): string | null {
  if (build.buildNumber === null || build.buildNumber < oldestBuild) {
    return `it is older than b${oldestBuild}, or does not say how old it is`;
  }
  if (build.backend !== backend) return `it is a build for ${build.backend}`;
  if (build.proof?.isGood !== true) return build.proof?.reason ?? 'it did not prove itself';
  return null;
}
