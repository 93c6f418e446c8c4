// argv and environment from a plan, by the flags that this build's --help knows. Pure: it starts nothing, reads nothing,
// and must never put a secret into argv nor build a shell string.

export type CacheType = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q5_1' | 'q5_0' | 'q4_1' | 'q4_0' | 'iq4_nl';

/** What a load is to look like, decided by placement and settings before anything starts. */
export interface LaunchPlan {
  /** Blocks offloaded, counted as llama.cpp does: `blockCount + 1` means the output layer too. 0: all on the CPU. */
  readonly gpuLayers: number;
  /** Total context in tokens over all slots, as `-c`. */
  readonly contextTokens: number;
  /** Slots, as `-np`. */
  readonly slotCount: number;
  /** True: slots share one KV cache (`-kvu`), each may use all of it. */
  readonly isKvUnified: boolean;
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
  readonly batchTokens: number;
  readonly microBatchTokens: number;
  readonly flashAttention: 'auto' | 'on' | 'off';
  /** Devices used, in order (`-dev`); empty: `none`. */
  readonly devices: readonly string[];
  /** Share per device (`-ts`), same order; null with fewer than two devices. */
  readonly tensorSplit: readonly number[] | null;
  /** Experts of the first N blocks stay in RAM (`-ncmoe`). */
  readonly cpuExpertLayers: number;
  /** Host memory for the prompt cache (`--cache-ram`), in bytes. */
  readonly promptCacheBytes: number;
  /** Saved states per slot (`--ctx-checkpoints`) of a model whose cache cannot be rolled back; null: the engine's own choice. */
  readonly contextCheckpoints: number | null;
  /** Threads (`-t`); null: the engine's own choice. */
  readonly threads: number | null;
  /** False: the projector's weights stay in RAM (`--no-mmproj-offload`). */
  readonly isProjectorOffloaded: boolean;
}

export interface LaunchFiles {
  /** Absolute; of a split model the first shard. */
  readonly model: string;
  readonly projector?: string | null | undefined;
  readonly draft?: string | null | undefined;
}

export interface CommandInput {
  /** Option names that this build's `--help` knows, dashes included. */
  readonly flags: ReadonlySet<string>;
  /** argv up to llama-server's first own argument. */
  readonly launch: readonly string[];
  readonly plan: LaunchPlan;
  readonly files: LaunchFiles;
  readonly kind: 'text' | 'embedding' | 'reranker';
  /** Further arguments that `checkFlags` has let through; they come last. */
  readonly userFlags?: readonly string[] | undefined;
  /** Name that the engine calls the model by. */
  readonly alias?: string | null | undefined;
  /** Name of a built-in template, or the text of a Jinja one. */
  readonly chatTemplate?: string | null | undefined;
  /** 0 (the default): any free port, told by the log line `listening on`. */
  readonly portNumber?: number | undefined;
}

/** Spellings of one option, newest first. */
type Spellings = readonly [string, ...string[]];

class ArgumentList {
  readonly items: string[] = [];
  readonly #flags: ReadonlySet<string>;

  constructor(flags: ReadonlySet<string>) {
    this.#flags = flags;
  }

  /** The first spelling that the build knows, or null. */
  known(spellings: Spellings): string | null {
    return spellings.find((name) => this.#flags.has(name)) ?? null;
  }

  /** Adds an option in the spelling that the build knows; an unknown one is left out. Tells whether it was added. */
  add(spellings: Spellings, ...values: string[]): boolean {
    const name = this.known(spellings);
    if (name === null) return false;
    this.items.push(name, ...values);
    return true;
  }

  /** Adds an option that no build lacks, known or not: without it the engine would do something else than planned. */
  must(spellings: Spellings, ...values: string[]): void {
    this.items.push(this.known(spellings) ?? spellings[0], ...values);
  }
}

const MIB = 1024 * 1024;

/**
 * The child's whole argv. Options that this build does not know are left out, those that drifted are spelt its way.
 *
 * `-fit off`: the plan is ours. With `on` the engine would measure free memory by itself (racing with other loads), undo
 * parts of the plan without a word, and spend time on it at every start.
 */
export function argvFor(input: CommandInput): string[] {
  const { plan, files } = input;
  const list = new ArgumentList(input.flags);
  list.must(['--model', '-m'], files.model);
  list.must(['--host'], '127.0.0.1');
  list.must(['--port'], String(input.portNumber ?? 0));
  list.add(['--no-ui', '--no-webui']);
  list.add(['--offline']);
  list.add(['--metrics']);
  list.add(['--slots']);
  list.add(['--log-verbosity', '--verbosity', '-lv'], '4');
  list.add(['--log-colors'], 'off');
  list.add(['--log-prefix']);
  list.add(['--log-timestamps']);
  if (input.alias !== null && input.alias !== undefined) list.add(['--alias', '-a'], withoutCommas(input.alias));
  addPlan(list, plan);
  if (list.known(['--cache-ram', '-cram']) !== null) {
    list.add(['--cache-ram', '-cram'], String(Math.floor(plan.promptCacheBytes / MIB)));
    if (plan.promptCacheBytes < MIB) list.add(['--no-cache-idle-slots']);
  }
  if (plan.contextCheckpoints !== null)
    list.add(['--ctx-checkpoints', '-ctxcp', '--swa-checkpoints'], String(plan.contextCheckpoints));
  if (plan.threads !== null) list.add(['--threads', '-t'], String(plan.threads));
  if (isGiven(files.projector)) {
    list.must(['--mmproj', '-mm'], files.projector);
    if (!plan.isProjectorOffloaded || plan.devices.length === 0) list.add(['--no-mmproj-offload']);
  } else list.add(['--no-mmproj', '--no-mmproj-auto']);
  if (isGiven(files.draft)) addDraft(list, files.draft, plan);
  if (input.kind === 'embedding') list.must(['--embedding', '--embeddings']);
  if (input.kind === 'reranker') list.must(['--reranking', '--rerank']);
  if (isGiven(input.chatTemplate)) {
    list.add(['--jinja']);
    list.must(['--chat-template'], input.chatTemplate);
  }
  return [...input.launch, ...list.items, ...(input.userFlags ?? [])];
}

function addPlan(list: ArgumentList, plan: LaunchPlan): void {
  list.add(['--fit', '-fit'], 'off');
  list.must(['--ctx-size', '-c'], String(plan.contextTokens));
  list.must(['--parallel', '-np'], String(plan.slotCount));
  list.add(plan.isKvUnified ? ['--kv-unified', '-kvu'] : ['--no-kv-unified', '-no-kvu']);
  list.must(['--batch-size', '-b'], String(plan.batchTokens));
  list.must(['--ubatch-size', '-ub'], String(plan.microBatchTokens));
  // The option was a switch until August 2025; builds that know one of these two are younger.
  if (list.known(['--fit', '--cache-ram']) !== null) list.add(['--flash-attn', '-fa'], plan.flashAttention);
  else if (plan.flashAttention === 'on') list.add(['--flash-attn', '-fa']);
  list.add(['--cache-type-k', '-ctk'], plan.cacheTypeK);
  list.add(['--cache-type-v', '-ctv'], plan.cacheTypeV);
  list.must(['--n-gpu-layers', '--gpu-layers', '-ngl'], String(plan.gpuLayers));
  list.add(['--device', '-dev'], plan.devices.length === 0 ? 'none' : plan.devices.join(','));
  if (plan.tensorSplit !== null && plan.devices.length > 1) {
    list.add(['--split-mode', '-sm'], 'layer');
    list.must(['--tensor-split', '-ts'], plan.tensorSplit.join(','));
  }
  if (plan.cpuExpertLayers > 0) list.must(['--n-cpu-moe', '-ncmoe'], String(plan.cpuExpertLayers));
}

function addDraft(list: ArgumentList, draft: string, plan: LaunchPlan): void {
  if (!list.add(['--spec-draft-model', '--model-draft', '-md'], draft)) return;
  const [first] = plan.devices;
  // All of it on one device, where placement counts it.
  if (first !== undefined) list.add(['--spec-draft-device', '--device-draft', '-devd'], first);
  list.add(['--spec-type'], 'draft-simple');
  list.add(
    ['--spec-draft-ngl', '--n-gpu-layers-draft', '--gpu-layers-draft', '-ngld'],
    plan.devices.length === 0 ? '0' : '999',
  );
  list.add(['--spec-draft-type-k', '--cache-type-k-draft', '-ctkd'], plan.cacheTypeK);
  list.add(['--spec-draft-type-v', '--cache-type-v-draft', '-ctvd'], plan.cacheTypeV);
}

const isGiven = (value: string | null | undefined): value is string => typeof value === 'string' && value !== '';

// The engine reads a comma as "and also this name".
const withoutCommas = (name: string): string => name.replaceAll(',', '_');

/** Options of the plan that the tool has no use for or does not know. It counts one cache per slot. */
const SERVER_ONLY = new Set(['--fit', '-fit', '--kv-unified', '-kvu', '--no-kv-unified', '-no-kvu']);

/**
 * argv of `llama-fit-params` that prints what this plan would take, one line per device: `NAME model context compute`
 * in MiB, `Host` last. It reads metadata only. Its options are those of the build at hand.
 */
export function toolArgvFor(input: Pick<CommandInput, 'flags' | 'launch' | 'plan' | 'files'>): string[] {
  const list = new ArgumentList(new Set([...input.flags].filter((name) => !SERVER_ONLY.has(name))));
  list.must(['--model', '-m'], input.files.model);
  addPlan(list, input.plan);
  list.items.push('--fit-print', 'on');
  return [...toolLaunch(input.launch, 'llama-fit-params'), ...list.items];
}

/** argv that starts another tool of the same build: the last item of `launch` with its name replaced, `.exe` kept. */
export function toolLaunch(launch: readonly string[], tool: string): string[] {
  const server = launch.at(-1) ?? '';
  return [...launch.slice(0, -1), server.replace(/[^/\\]*?(\.exe)?$/i, (_, suffix?: string) => tool + (suffix ?? ''))];
}
