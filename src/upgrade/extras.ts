// The manual and the completions that an install script has put beside the executable: they are asked of it anew when another
// version has taken its place. The script's list says which there are; nothing else is touched.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../base/file.ts';
import { ask, type TrialOptions } from './trial.ts';

/** Below the folder that `bin` lies in. */
export const INSTALLED_LIST = 'share/drover/installed-files';

/** Where each lies below it, and what the program is asked for it. */
const EXTRAS: Readonly<Record<string, readonly string[]>> = {
  'share/man/man1/drover.1': ['man'],
  'share/bash-completion/completions/drover': ['completion', 'bash'],
  'share/zsh/site-functions/_drover': ['completion', 'zsh'],
  'share/fish/vendor_completions.d/drover.fish': ['completion', 'fish'],
};

/** Returns those that could not be brought up to date. */
export async function refreshExtras(
  program: string,
  options: Pick<TrialOptions, 'environment' | 'signal'>,
): Promise<readonly string[]> {
  const prefix = dirname(dirname(program));
  const failed: string[] = [];
  for (const path of installedIn(prefix)) {
    const words = Object.entries(EXTRAS).find(([place]) => path === join(prefix, place))?.[1];
    if (words === undefined || !existsSync(path)) continue;
    try {
      const text = await ask([program, ...words], options);
      if (text !== readFileSync(path, 'utf8')) writeFileAtomically(path, text);
    } catch {
      options.signal?.throwIfAborted();
      failed.push(path);
    }
  }
  return failed;
}

function installedIn(prefix: string): readonly string[] {
  try {
    return readFileSync(join(prefix, INSTALLED_LIST), 'utf8').split('\n');
  } catch {
    return [];
  }
}
