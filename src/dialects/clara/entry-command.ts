// An entry as ClaraCore's clients read it: as a command. One that has none gets the command that it amounts to; what is
// automatic is not in it. Pure.
import type { ModelEntry } from '../../config/schema.ts';

// For the reader, as ClaraCore writes it; which port a model gets is known when it starts.
const PORT = '${PORT}';

export const entryWithCommand = (entry: ModelEntry) => ({
  ...entry,
  cmd: entry.cmd ?? commandOf(entry),
  proxy: entry.proxy ?? `http://127.0.0.1:${PORT}`,
});

function commandOf(entry: ModelEntry): string {
  const options: Readonly<Record<string, string | number | boolean | undefined>> = {
    model: entry.file,
    mmproj: entry.mmproj,
    'model-draft': entry.draft,
    'ctx-size': entry.contextSize,
    'n-gpu-layers': entry.gpuLayers,
    'cache-type-k': entry.cacheType,
    'cache-type-v': entry.cacheType,
    'batch-size': entry.batchSize,
    parallel: entry.parallel,
    threads: entry.threads,
    'chat-template': entry.chatTemplate,
    ...entry.flags,
  };
  const words = Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, quoted(String(value))];
  });
  return ['llama-server', '--port', PORT, ...words].join(' ');
}

const quoted = (word: string): string => (/^[\w./:=,@+\\-]+$/.test(word) ? word : JSON.stringify(word));
