// Where other programs keep GGUF files on each system, in the order in which they are searched. Pure: home, platform and environment
// are passed in, and nothing here says whether a folder exists. ~/Downloads is not among them: it holds other people's half-finished
// files, and macOS asks its user for permission as soon as a program looks into it.
import { posix, sep, win32 } from 'node:path';
import type { ModelOrigin } from './library.ts';

export interface LibraryFolder {
  /** Absolute. */
  readonly path: string;
  /** Whose layout to expect; a folder of another layout is still recognised by what lies in it. */
  readonly origin: ModelOrigin;
  /** False: only what lies in the folder itself. */
  readonly isRecursive?: boolean;
}

export interface FolderSources {
  readonly home: string;
  /** Absent: the kind of system that this one is by its separator, and every POSIX system's folders. */
  readonly platform?: NodeJS.Platform;
  /** `HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME XDG_CACHE_HOME OLLAMA_MODELS LLAMA_CACHE LOCALAPPDATA`; others are not read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The folders of the user, of Hugging Face's cache, LM Studio, Ollama and llama.cpp, each once, most specific first.
 * Sources: huggingface_hub's environment variables, llama.cpp's `common/hf-cache.cpp` and `fs_get_cache_directory`,
 * Ollama's `envconfig` and its Linux service, LM Studio's documents.
 */
export function knownFolders(sources: FolderSources): LibraryFolder[] {
  const { home, platform, environment } = sources;
  const isWindows = platform === undefined ? sep === '\\' : platform === 'win32';
  const paths = isWindows ? win32 : posix;
  const found: LibraryFolder[] = [];
  const seen = new Set<string>();

  const add = (origin: ModelOrigin, path: string): void => {
    const normal = paths.normalize(path).replace(isWindows ? /(?<=[^:\\])\\+$/ : /(?<=.)\/+$/, '');
    const key = isWindows ? normal.toLowerCase() : normal;
    if (!paths.isAbsolute(normal) || seen.has(key)) return;
    seen.add(key);
    found.push({ path: normal, origin });
  };
  const underHome = (origin: ModelOrigin, ...segments: readonly string[]): void => {
    if (home !== '') add(origin, paths.join(home, ...segments));
  };
  /** A variable's folder; `~` is the home folder, and what is not absolute is left alone: relative to what? */
  const named = (origin: ModelOrigin, variable: string, ...segments: readonly string[]): void => {
    const value = environment[variable]?.trim() ?? '';
    if (value === '') return;
    const expanded = /^~(?=$|[/\\])/.test(value) ? paths.join(home, value.slice(1)) : value;
    if (paths.isAbsolute(expanded)) add(origin, paths.join(expanded, ...segments));
  };

  for (const name of ['models', 'Models', 'llm', 'llms', 'LLM', 'LLMs']) underHome('folder', name);

  named('huggingface', 'HF_HUB_CACHE');
  named('huggingface', 'HUGGINGFACE_HUB_CACHE');
  named('huggingface', 'HF_HOME', 'hub');
  named('huggingface', 'XDG_CACHE_HOME', 'huggingface', 'hub');
  underHome('huggingface', '.cache', 'huggingface', 'hub');

  underHome('lmstudio', '.lmstudio', 'models');
  underHome('lmstudio', '.cache', 'lm-studio', 'models');

  named('ollama', 'OLLAMA_MODELS');
  underHome('ollama', '.ollama', 'models');
  if (!isWindows && platform !== 'darwin') {
    for (const path of [
      '/usr/share/ollama/.ollama/models',
      '/var/lib/ollama/.ollama/models',
      '/var/lib/ollama/models',
      '/var/snap/ollama/common/models',
    ]) {
      add('ollama', path);
    }
  }

  named('llama.cpp', 'LLAMA_CACHE');
  if (isWindows) named('llama.cpp', 'LOCALAPPDATA', 'llama.cpp');
  else {
    named('llama.cpp', 'XDG_CACHE_HOME', 'llama.cpp');
    underHome('llama.cpp', '.cache', 'llama.cpp');
    if (platform !== 'linux') underHome('llama.cpp', 'Library', 'Caches', 'llama.cpp');
  }
  return found;
}
