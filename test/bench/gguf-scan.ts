// Measures how fast headers are read: many GGUF files with vocabularies of real size, from the page cache, as a scan of a library does.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModelFacts } from '../../src/models/gguf-file.ts';
import { encodeGguf, f32, type GgufValue, type TensorSpec, text, u32 } from '../fixtures/gguf-writer.ts';

const FILES = 40;
const RUNS = 25;
const TOKENS = 128_256;
const BLOCKS = 32;

const median = (values: readonly number[]): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Tokens as byte-pair vocabularies have them: 6 to 7 bytes in the mean. */
function vocabulary(count: number, seed: number): string[] {
  const tokens: string[] = [];
  let state = seed;
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const length = 2 + ((state >>> 16) % 10);
    tokens.push(`Ġ${(index + state).toString(36)}etaoinshrdlu`.slice(0, length));
  }
  return tokens;
}

/** The header of a model of 32 blocks (its tensors are tiny: a header says how large they are, a scan never reads them). */
function header(metadata: Readonly<Record<string, GgufValue>>): Uint8Array {
  const tensors: TensorSpec[] = [];
  const data = new Uint8Array(32);
  const add = (name: string): void => void tensors.push({ name, dimensions: [8], data });
  for (const name of ['token_embd', 'output_norm', 'output']) add(`${name}.weight`);
  for (let block = 0; block < BLOCKS; block += 1) {
    for (const part of 'attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate ffn_up ffn_down'.split(' ')) {
      add(`blk.${block}.${part}.weight`);
    }
  }
  const all: Record<string, GgufValue> = {
    'general.architecture': text('llama'),
    'general.name': text('Measured'),
    'general.file_type': u32(15),
    'llama.block_count': u32(BLOCKS),
    'llama.context_length': u32(131_072),
    'llama.embedding_length': u32(4096),
    'llama.feed_forward_length': u32(14_336),
    'llama.attention.head_count': u32(32),
    'llama.attention.head_count_kv': u32(8),
    'llama.rope.freq_base': f32(500_000),
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.chat_template': text('{% for message in messages %}{{ message.content }}{% endfor %}'.repeat(60)),
    ...metadata,
  };
  return encodeGguf(all, tensors);
}

async function milliseconds(folder: string, name: string, bytes: Uint8Array): Promise<number> {
  const paths: string[] = [];
  for (let index = 0; index < FILES; index += 1) {
    const path = join(folder, `${name}-${index}.gguf`);
    writeFileSync(path, bytes);
    paths.push(path);
  }
  const scan = (): number => {
    const started = performance.now();
    for (const path of paths) readModelFacts(path);
    return (performance.now() - started) / paths.length;
  };
  for (let run = 0; run < 5; run += 1) scan();
  const result = median(Array.from({ length: RUNS }, scan));
  for (const path of paths) rmSync(path);
  return result;
}

/** Milliseconds for one header, the median over runs; 1000 headers take as many seconds. */
export async function benchGgufScan(): Promise<{ name: string; value: number; unit: string; target: number }[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-gguf-'));
  try {
    const tokens = vocabulary(TOKENS, 7);
    const plain: Record<string, GgufValue> = {
      'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: tokens },
      'tokenizer.ggml.token_type': { type: 'array', of: 'i32', value: tokens.map(() => 1) },
    };
    const merges = vocabulary(TOKENS * 2, 11).map((token) => `${token} a`);
    const scored = header({
      ...plain,
      'tokenizer.ggml.scores': { type: 'array', of: 'f32', value: tokens.map((_, index) => -index) },
    });
    const merged = header({ ...plain, 'tokenizer.ggml.merges': { type: 'array', of: 'string', value: merges } });
    const size = (bytes: Uint8Array): string => `${(bytes.length / 1e6).toFixed(1)} MB`;
    return [
      {
        name: `header of ${size(scored)}, 128k tokens`,
        value: await milliseconds(folder, 'scored', scored),
        unit: 'ms',
        target: 1,
      },
      {
        name: `header of ${size(merged)}, 128k tokens and 256k merges`,
        value: await milliseconds(folder, 'merged', merged),
        unit: 'ms',
        target: 3,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) console.table(await benchGgufScan());
