// Measures scans of a library of 1000 models in 50 folders: the first ever, the first after a restart, and one that finds nothing new.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { openStore } from '../../src/base/store.ts';
import { LIBRARY_MIGRATIONS, type Library, openLibrary } from '../../src/models/library.ts';
import { encodeGguf, type TensorSpec, text, u32 } from '../fixtures/gguf-writer.ts';

const FILES = 1000;
const FOLDERS = 50;
const RUNS = 15;
const BLOCKS = 32;

const median = (values: readonly number[]): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

/** A header as models have it, with a template of 8 KB; its tensors are tiny, since a scan never reads them. */
function model(name: string): Uint8Array {
  const data = new Uint8Array(32);
  const tensors: TensorSpec[] = [{ name: 'token_embd.weight', dimensions: [8], data }];
  for (let block = 0; block < BLOCKS; block += 1) {
    for (const part of ['attn_norm', 'attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_norm', 'ffn_up', 'ffn_down']) {
      tensors.push({ name: `blk.${block}.${part}.weight`, dimensions: [8], data });
    }
  }
  const metadata = {
    'general.architecture': text('llama'),
    'general.name': text(name),
    'general.file_type': u32(15),
    'llama.block_count': u32(BLOCKS),
    'llama.context_length': u32(131_072),
    'llama.embedding_length': u32(4096),
    'llama.attention.head_count': u32(32),
    'llama.attention.head_count_kv': u32(8),
    'tokenizer.chat_template': text(
      `${name} {% for message in messages %}{{ message.content }}{% endfor %}`.repeat(100),
    ),
  };
  return encodeGguf(metadata, tensors);
}

export async function benchLibraryRescan(): Promise<{ name: string; value: number; unit: string; target: number }[]> {
  const root = mkdtempSync(join(tmpdir(), 'drover-library-'));
  const models = join(root, 'models');
  try {
    for (let index = 0; index < FILES; index += 1) {
      const folder = join(models, `publisher-${index % 10}`, `repository-${index % FOLDERS}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `Model-${index}-Q4_K_M.gguf`), model(`Model ${index}`));
    }
    const open = (): { library: Library; close: () => void } => {
      const store = openStore(join(root, 'drover.sqlite'), LIBRARY_MIGRATIONS);
      const library = openLibrary({
        store,
        log: new Log(),
        folders: [{ path: models, origin: 'lmstudio' }],
        configured: [],
        probe: null,
      });
      return {
        library,
        close: () => {
          library.close();
          store[Symbol.dispose]();
        },
      };
    };
    const timed = async (library: Library): Promise<number> => {
      const startedAt = performance.now();
      const { modelCount } = await library.scan();
      if (modelCount !== FILES) throw new Error(`${modelCount} models instead of ${FILES}`);
      return performance.now() - startedAt;
    };
    const first = open();
    const firstMs = await timed(first.library);
    first.close();

    const restartMs: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const startedAt = performance.now();
      const again = open();
      await timed(again.library);
      restartMs.push(performance.now() - startedAt);
      again.close();
    }

    const warm = open();
    await timed(warm.library);
    const rescanMs: number[] = [];
    for (let run = 0; run < RUNS; run += 1) rescanMs.push(await timed(warm.library));
    const changedMs: number[] = [];
    const touched = join(models, 'publisher-0', 'repository-0', 'Model-0-Q4_K_M.gguf');
    for (let run = 0; run < RUNS; run += 1) {
      utimesSync(touched, new Date(), new Date(1_700_000_000_000 + run * 1000));
      changedMs.push(await timed(warm.library));
    }
    const lookups: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const startedAt = performance.now();
      warm.library.nearNames(`modle ${run * 7} q4_k_m`, 5);
      lookups.push(performance.now() - startedAt);
    }
    warm.close();
    return [
      { name: 'library: first scan of 1000 files', value: firstMs, unit: 'ms', target: 3000 },
      { name: 'library: first scan of 1000 files after a restart', value: median(restartMs), unit: 'ms', target: 250 },
      { name: 'library: rescan of 1000 files', value: median(rescanMs), unit: 'ms', target: 50 },
      { name: 'library: rescan of 1000 files, one changed', value: median(changedMs), unit: 'ms', target: 150 },
      { name: 'library: near names among 1000 models', value: median(lookups), unit: 'ms', target: 20 },
    ];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (import.meta.main) console.table(await benchLibraryRescan());
