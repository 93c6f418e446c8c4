// Where a newer version of this executable comes from, and who replaces it.
import { Fault } from '../base/fault.ts';
import { realPathOf } from '../base/file.ts';
import { environment } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import type { ReleaseNews } from '../core/release-news.ts';
import { ORIGIN, TARGET } from '../upgrade/origin.ts';
import { type Manager, managerOf } from '../upgrade/package-manager.ts';
import type { ReleaseSource } from '../upgrade/release.ts';
import { look } from '../upgrade/update.ts';
import { VERSION } from './version.ts';

type Wishes = Pick<Settings, 'updateUrl' | 'offline'>;

export interface Origin {
  readonly target: string;
  readonly source: ReleaseSource;
}

/** Throws `offline`, or `not_supported` where this executable knows of no release. */
export function originOf({ updateUrl, offline }: Wishes, signal?: AbortSignal): Origin {
  if (offline) {
    const hint = 'Without "offline" in the settings, or "--offline", the place of the releases is asked.';
    throw new Fault('offline', 'Offline nothing is fetched.', { blame: 'caller', hint });
  }
  const url = updateUrl === '' ? ORIGIN.url : updateUrl;
  if (TARGET === null || ORIGIN.keys.length === 0 || url === null) {
    const lacks = url === null ? 'knows no place that has releases' : 'trusts no key that signs releases';
    throw new Fault('not_supported', `This executable was not made for a release: it ${lacks}.`, {
      hint: 'Take one from a release, or build it anew from the newest source.',
    });
  }
  if (!URL.canParse(url)) throw new Fault('config_invalid', `updateUrl is not an address: ${url}`);
  return { target: TARGET, source: { url, keys: ORIGIN.keys, signal } };
}

export interface ThisExecutable {
  readonly program: string;
  /** Who looks after it; null: itself. */
  readonly manager: Manager | null;
}

export function thisExecutable(): ThisExecutable {
  const program = realPathOf(process.execPath) ?? process.execPath;
  return { program, manager: managerOf(program, environment().DROVER_IMAGE === '1') };
}

export async function askRelease(wishes: Wishes, signal?: AbortSignal): Promise<ReleaseNews> {
  const { target, source } = originOf(wishes, signal);
  const { sourceSeconds, ...looked } = await look({ ...source, target, version: VERSION });
  const { manager } = thisExecutable();
  return {
    ...looked,
    madeAt: sourceSeconds === null ? null : sourceSeconds * 1000,
    command: manager === null ? 'drover update' : null,
    hint: manager === null ? null : `${manager.name} looks after this executable. ${manager.hint}`,
  };
}
