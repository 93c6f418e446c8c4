// Reads what a load really did out of the engine's log at `-lv 4`. Pure and tolerant: an unknown line is no fact, and a
// missing one leaves null. It must never conclude from "offloaded N/M layers" alone: builds without a GPU print it too.

/** Bytes in the engine's own buffers on one device; the host is `Host`. */
export interface BufferBytes {
  readonly modelBytes: number;
  /** Part of `modelBytes` that is mapped from the file and that the system may drop: an upper bound, it spans gaps. */
  readonly mappedBytes: number;
  /** KV cache and recurrent state. */
  readonly kvBytes: number;
  readonly computeBytes: number;
  readonly outputBytes: number;
}

export interface LoadFacts {
  /** By device, `Host` for main memory; of the model, its draft and its projector together. */
  readonly buffers: Readonly<Record<string, BufferBytes>>;
  /** What the engine says that it offloaded, with no word on where to. */
  readonly layersOffloaded: number | null;
  readonly layersTotal: number | null;
  /** Over all slots. */
  readonly contextTokens: number | null;
  readonly contextTokensPerSlot: number | null;
  readonly trainedContextTokens: number | null;
  readonly slotCount: number | null;
  readonly cacheTypeK: string | null;
  readonly cacheTypeV: string | null;
  readonly hasFlashAttention: boolean | null;
  /** Devices that the engine took, with what was free before the load. */
  readonly devices: readonly { readonly id: string; readonly name: string; readonly freeBytes: number }[];
  /** True once a template of the model was applied; false where the engine had to guess one. */
  readonly hasChatTemplate: boolean | null;
  readonly canThink: boolean | null;
  /** Memory of this process outside of its buffers, per device: told only when the engine leaves. */
  readonly unaccountedBytes: Readonly<Record<string, number>>;
  /** The first lines that speak of errors, without prefixes. */
  readonly errors: readonly string[];
}

const MIB = 1024 * 1024;
const PREFIX = /^(?:\d+\.\d{2}\.\d{3}\.\d{3} )?([A-Z] )?/;
const BUFFER = /^[^:]*:\s+(\S+)\s+(model|LoRA|KV|RS|DSV4 \S+ state|compute|output) buffer size\s*=\s*([\d.]+) MiB/;
const MAX_ERRORS = 12;
const MAX_LINE = 500;

interface Tally {
  model: number;
  mapped: number;
  kv: number;
  compute: number;
  output: number;
}

/** One file that the engine loaded; loaded again, its figures start anew. */
class LoadedFile {
  /** By buffer name as printed: one device may have several. */
  readonly model = new Map<string, Tally>();
  readonly context = new Map<string, Tally>();
}

const emptyTally = (): Tally => ({ model: 0, mapped: 0, kv: 0, compute: 0, output: 0 });

/** `Vulkan_Host`, `CPU_Mapped`, `CPU_REPACK`, `BLAS` lie in main memory; `MTL0_Private` is `MTL0`. */
export function deviceOfBuffer(name: string): string {
  if (/^(CPU|BLAS|AMX|AMX_.*|ACCEL)(_|$)/.test(name) || /_Host$/i.test(name)) return 'Host';
  return name.replace(/_(Mapped|Private|Shared|Split|REPACK)$/, '');
}

/** Give it every line in order, of stdout and stderr alike; ask it any time. */
export class LoadReader {
  readonly #files = new Map<string, LoadedFile>();
  readonly #devices = new Map<string, { id: string; name: string; freeBytes: number }>();
  readonly #unaccounted: Record<string, number> = {};
  readonly #errors: string[] = [];
  #current = new LoadedFile();
  #main: LoadedFile | null = null;
  #projectorDevice: string | null = null;
  #layersOffloaded: number | null = null;
  #layersTotal: number | null = null;
  #contextTokens: number | null = null;
  #contextTokensPerSlot: number | null = null;
  #trainedContextTokens: number | null = null;
  #slotCount: number | null = null;
  #cacheTypeK: string | null = null;
  #cacheTypeV: string | null = null;
  #hasFlashAttention: boolean | null = null;
  #hasChatTemplate: boolean | null = null;
  #canThink: boolean | null = null;

  push(line: string): void {
    const raw = line.length > MAX_LINE ? line.slice(0, MAX_LINE) : line;
    const prefix = PREFIX.exec(raw);
    const text = raw.slice(prefix?.[0].length ?? 0).trimEnd();
    if (prefix?.[1] === 'E ' || /^(error|terminate called|llama_model_load: error)/i.test(text)) this.#error(text);
    if (text.includes('buffer size')) this.#buffer(text);
    else if (/^(clip|load_hparams|mtmd)/.test(text)) this.#projector(text);
    else if (text.startsWith('llama_') || text.startsWith('load_') || text.startsWith('print_')) this.#library(text);
    else if (text.startsWith('srv') || text.startsWith('slot')) this.#server(text);
    else if (text.startsWith('resolve_') || text.startsWith('sched_')) this.#attention(text);
    else if (text.startsWith('common_memory_breakdown')) this.#breakdown(text);
  }

  result(): LoadFacts {
    const sums = new Map<string, Tally>();
    for (const file of new Set([...this.#files.values(), this.#current])) {
      for (const part of [file.model, file.context]) {
        for (const [name, tally] of part) add(sums, deviceOfBuffer(name), tally);
      }
    }
    return {
      buffers: Object.fromEntries([...sums].map(([device, tally]) => [device, bytesOf(tally)])),
      layersOffloaded: this.#layersOffloaded,
      layersTotal: this.#layersTotal,
      contextTokens: this.#contextTokens,
      contextTokensPerSlot: this.#contextTokensPerSlot,
      trainedContextTokens: this.#trainedContextTokens,
      slotCount: this.#slotCount,
      cacheTypeK: this.#cacheTypeK,
      cacheTypeV: this.#cacheTypeV,
      hasFlashAttention: this.#hasFlashAttention,
      devices: [...this.#devices.values()],
      hasChatTemplate: this.#hasChatTemplate,
      canThink: this.#canThink,
      unaccountedBytes: { ...this.#unaccounted },
      errors: [...this.#errors],
    };
  }

  #error(text: string): void {
    if (this.#errors.length < MAX_ERRORS && !this.#errors.includes(text)) this.#errors.push(text);
  }

  get #isMain(): boolean {
    return this.#main === null || this.#main === this.#current;
  }

  #buffer(text: string): void {
    const match = BUFFER.exec(text);
    if (match === null) return;
    const [, name = '', kind = '', size = ''] = match;
    const bytes = Math.round(Number(size) * MIB);
    if (!Number.isFinite(bytes)) return;
    const isModel = kind === 'model' || kind === 'LoRA';
    const group = isModel ? this.#current.model : this.#current.context;
    const tally = group.get(name) ?? emptyTally();
    group.set(name, tally);
    if (isModel) {
      tally.model += bytes;
      if (/_Mapped$/.test(name)) tally.mapped += bytes;
    }
    // Reserved anew whenever the graph changes: the last one counts.
    else if (kind === 'compute') tally.compute = bytes;
    else if (kind === 'output') tally.output = bytes;
    else tally.kv += bytes;
  }

  #library(text: string): void {
    const path = /^llama_model_loader: loaded meta data with .* from (.*?)(?: \(version .*)?$/.exec(text)?.[1];
    if (path !== undefined) {
      this.#current = this.#fileOf(path);
      this.#main ??= this.#current;
      return;
    }
    if (text.startsWith('load_tensors: loading model tensors')) this.#current.model.clear();
    else if (text.startsWith('llama_context: constructing')) this.#current.context.clear();
    const device = /using device (\S+) \((.*)\) .*?- (\d+) MiB free/.exec(text);
    if (device?.[1] !== undefined) {
      const name = (device[2] ?? '').replace(/\) \(.*$/, '');
      this.#devices.set(device[1], { id: device[1], name, freeBytes: Number(device[3]) * MIB });
    }
    if (!this.#isMain) return;
    const offloaded = /offloaded (\d+)\/(\d+) layers to GPU/.exec(text);
    if (offloaded !== null) {
      this.#layersOffloaded = Number(offloaded[1]);
      this.#layersTotal = Number(offloaded[2]);
    }
    const figure = /^(?:llama_context|print_info): (n_ctx|n_ctx_seq|n_ctx_train)\s*=\s*(\d+)$/.exec(text);
    if (figure?.[1] === 'n_ctx') this.#contextTokens = Number(figure[2]);
    else if (figure?.[1] === 'n_ctx_seq') this.#contextTokensPerSlot = Number(figure[2]);
    else if (figure?.[1] === 'n_ctx_train') this.#trainedContextTokens = Number(figure[2]);
    const cache = /K \((\w+)\):.*V \((\w+)\):/.exec(text);
    if (cache !== null) {
      this.#cacheTypeK = cache[1] ?? null;
      this.#cacheTypeV = cache[2] ?? null;
    }
    const attention = /^llama_context: flash_attn\s*=\s*(enabled|disabled|on|off|1|0)$/.exec(text)?.[1];
    if (attention !== undefined) this.#hasFlashAttention = /^(enabled|on|1)$/.test(attention);
  }

  #attention(text: string): void {
    const match = /Flash Attention (?:was |is )?(enabled|disabled|not supported)/i.exec(text);
    if (match !== null && this.#isMain) this.#hasFlashAttention = match[1]?.toLowerCase() === 'enabled';
  }

  #server(text: string): void {
    const slots = /initializing, n_slots = (\d+)(?:, n_ctx_slot = (\d+))?/.exec(text);
    if (slots !== null) {
      this.#slotCount = Number(slots[1]);
      if (slots[2] !== undefined) this.#contextTokensPerSlot = Number(slots[2]);
    }
    const thinking = /chat template, thinking = (\d)/.exec(text)?.[1];
    if (thinking !== undefined) this.#canThink = thinking !== '0';
    if (/chat template, example_format/.test(text)) this.#hasChatTemplate ??= true;
    if (/chat template .*(not supported|parsing error|fall(ing)? back)/i.test(text)) this.#hasChatTemplate = false;
  }

  /** The projector says its device first, then its size; it is looked at once before it is loaded. */
  #projector(text: string): void {
    const backend = /CLIP using (\S+) backend/.exec(text)?.[1];
    if (backend !== undefined) {
      this.#projectorDevice = backend;
      this.#current = this.#fileOf('projector');
      this.#current.model.clear();
      this.#current.context.clear();
      return;
    }
    const size = /: model size:\s+([\d.]+) MiB/.exec(text)?.[1];
    if (size === undefined || this.#projectorDevice === null) return;
    const tally = { ...emptyTally(), model: Math.round(Number(size) * MIB) };
    this.#current.model.set(this.#projectorDevice, tally);
  }

  #fileOf(name: string): LoadedFile {
    const file = this.#files.get(name) ?? new LoadedFile();
    this.#files.set(name, file);
    return file;
  }

  #breakdown(text: string): void {
    // | - Vulkan0 (name) | 24105 = 23000 + (900 = 800 + 50 + 50) + 205 |
    const match = /\| +- (\S+) .*\| *\d+ = *\d+ \+ \( *\d+ = .*\) \+ +(-?\d+) *\|/.exec(text);
    if (match?.[1] !== undefined) this.#unaccounted[match[1]] = Number(match[2]) * MIB;
  }
}

function add(sums: Map<string, Tally>, device: string, tally: Tally): void {
  const sum = sums.get(device) ?? emptyTally();
  sum.model += tally.model;
  sum.mapped += tally.mapped;
  sum.kv += tally.kv;
  sum.compute += tally.compute;
  sum.output += tally.output;
  sums.set(device, sum);
}

const bytesOf = (tally: Tally): BufferBytes => ({
  modelBytes: tally.model,
  mappedBytes: tally.mapped,
  kvBytes: tally.kv,
  computeBytes: tally.compute,
  outputBytes: tally.output,
});
