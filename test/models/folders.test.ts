import { expect, test } from 'bun:test';
import { knownFolders } from '../../src/models/folders.ts';

const paths = (sources: Parameters<typeof knownFolders>[0], origin: string): string[] =>
  knownFolders(sources)
    .filter((folder) => folder.origin === origin)
    .map((folder) => folder.path);

test('Linux: every program’s usual place', () => {
  const sources = { home: '/home/ann', platform: 'linux', environment: {} } as const;
  expect(paths(sources, 'folder')).toContain('/home/ann/models');
  expect(paths(sources, 'huggingface')).toEqual(['/home/ann/.cache/huggingface/hub']);
  expect(paths(sources, 'lmstudio')).toEqual(['/home/ann/.lmstudio/models', '/home/ann/.cache/lm-studio/models']);
  expect(paths(sources, 'ollama').slice(0, 2)).toEqual([
    '/home/ann/.ollama/models',
    '/usr/share/ollama/.ollama/models',
  ]);
  expect(paths(sources, 'llama.cpp')).toEqual(['/home/ann/.cache/llama.cpp']);
});

test('variables come first, in llama.cpp’s order, each folder once', () => {
  const environment = {
    HF_HUB_CACHE: '/a',
    HUGGINGFACE_HUB_CACHE: '/b/',
    HF_HOME: '~/hf',
    XDG_CACHE_HOME: '/home/ann/.cache',
    OLLAMA_MODELS: '/o',
    LLAMA_CACHE: '/l',
  };
  const sources = { home: '/home/ann', platform: 'linux', environment } as const;
  expect(paths(sources, 'huggingface')).toEqual(['/a', '/b', '/home/ann/hf/hub', '/home/ann/.cache/huggingface/hub']);
  expect(paths(sources, 'ollama')[0]).toBe('/o');
  expect(paths(sources, 'llama.cpp')).toEqual(['/l', '/home/ann/.cache/llama.cpp']);
});

test('relative and empty values are no folders', () => {
  const environment = { HF_HOME: '', OLLAMA_MODELS: 'models', LLAMA_CACHE: '  ' };
  const all = knownFolders({ home: '', platform: 'linux', environment });
  expect(all.every((folder) => folder.path.startsWith('/var/') || folder.path.startsWith('/usr/'))).toBe(true);
});

test('macOS and Windows have their own', () => {
  const mac = { home: '/Users/ann', platform: 'darwin', environment: {} } as const;
  expect(paths(mac, 'llama.cpp')).toContain('/Users/ann/Library/Caches/llama.cpp');
  expect(paths(mac, 'ollama')).toEqual(['/Users/ann/.ollama/models']);
  const windows = {
    home: 'C:\\Users\\ann',
    platform: 'win32',
    environment: {
      LOCALAPPDATA: 'C:\\Users\\ann\\AppData\\Local',
      OLLAMA_MODELS: '\\\\nas\\ai\\ollama',
      HF_HOME: 'D:\\hf\\',
    },
  } as const;
  expect(paths(windows, 'folder')[0]).toBe('C:\\Users\\ann\\models');
  // Windows does not tell `models` from `Models`.
  expect(paths(windows, 'folder').filter((path) => /\\models$/i.test(path))).toHaveLength(1);
  expect(paths(windows, 'llama.cpp')).toEqual(['C:\\Users\\ann\\AppData\\Local\\llama.cpp']);
  expect(paths(windows, 'ollama')).toEqual(['\\\\nas\\ai\\ollama', 'C:\\Users\\ann\\.ollama\\models']);
  expect(paths(windows, 'huggingface')[0]).toBe('D:\\hf\\hub');
});

test('Downloads is left alone', () => {
  expect(knownFolders({ home: '/home/ann', platform: 'linux', environment: {} }).map(({ path }) => path)).not.toContain(
    '/home/ann/Downloads',
  );
});
