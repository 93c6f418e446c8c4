// How llama-server's command line is read: its options in every spelling, and which of them take a value. Source: the
// `--help` of build 11669, and the spellings of older builds. It says nothing of what is allowed; the engine's own table
// does. Pure.

export interface LlamaOption {
  /** The long spelling without dashes; of a switch the one that switches on. */
  readonly name: string;
  readonly takes: 'value' | 'nothing' | 'maybe';
  /** True for the spelling that switches off: `--no-mmap`. */
  readonly isOff: boolean;
}

export interface GivenOption {
  /** As it is written, dashes included, without the value. */
  readonly spelling: string;
  /** Null: an option that this table does not know, or a word that is none. */
  readonly option: LlamaOption | null;
  readonly value: string | null;
  /** Index of the option's word. */
  readonly at: number;
  /** Index of the value's word: `at` for `--opt=value`, null where there is none. */
  readonly valueAt: number | null;
}

// One option a line, its names in any order but the first long one, which is the name that is given back.
const WITH_VALUE = `
--threads -t
--threads-batch -tb
--cpu-mask -C
--cpu-range -Cr
--cpu-strict
--prio
--poll
--cpu-mask-batch -Cb
--cpu-range-batch -Crb
--cpu-strict-batch
--prio-batch
--poll-batch
--numa
--threads-http
--ctx-size -c
--n-predict --predict -n
--batch-size -b
--ubatch-size -ub
--keep
--rope-scaling
--rope-scale
--rope-freq-base
--rope-freq-scale
--yarn-orig-ctx
--yarn-ext-factor
--yarn-attn-factor
--yarn-beta-slow
--yarn-beta-fast
--cache-type-k -ctk
--cache-type-v -ctv
--defrag-thold -dt
--rpc
--load-mode -lm
--lazy-mode -lzm
--device -dev
--override-tensor -ot
--n-cpu-moe -ncmoe
--n-cpu-ffn -ncffn
--moe-cache-mib
--gpu-layers --n-gpu-layers -ngl
--split-mode -sm
--tensor-split -ts
--main-gpu -mg
--fit-target -fitt
--fit-ctx -fitc
--override-kv
--lora
--lora-scaled
--control-vector
--control-vector-scaled
--model -m
--model-url -mu
--docker-repo -dr
--hf-repo -hf -hfr
--hf-file -hff
--hf-repo-v -hfv -hfrv
--hf-file-v -hffv
--hf-token -hft
--log-file
--log-verbosity --verbosity -lv
--log-prompts-dir
--samplers
--seed -s
--sampler-seq --sampling-seq
--temp --temperature
--top-k
--top-p
--min-p
--top-nsigma --top-n-sigma
--xtc-probability
--xtc-threshold
--typical --typical-p
--repeat-last-n
--repeat-penalty
--presence-penalty
--frequency-penalty
--dry-multiplier
--dry-base
--dry-allowed-length
--dry-penalty-last-n
--dry-sequence-breaker
--adaptive-target
--adaptive-decay
--dynatemp-range
--dynatemp-exp
--mirostat
--mirostat-lr
--mirostat-ent
--logit-bias -l
--grammar
--grammar-file
--json-schema -j
--json-schema-file -jf
--reverse-prompt -r
--pooling
--embd-normalize
--parallel -np
--mmproj -mm
--mmproj-url -mmu
--mmproj-device -mmdev
--image-min-tokens
--image-max-tokens
--mtmd-batch-max-tokens
--video-fps
--video-timestamp-interval
--video-ffmpeg-dir
--alias -a
--tags
--host
--port
--path
--api-prefix
--cors-origins
--cors-methods
--cors-headers
--ui-config --webui-config
--ui-config-file --webui-config-file
--tools
--tools-runtime
--mcp-servers-config
--mcp-servers-json
--api-key
--api-key-file
--ssl-key-file
--ssl-cert-file
--chat-template-kwargs
--chat-template
--chat-template-file
--timeout -to
--sse-ping-interval
--cache-reuse
--cache-ram -cram
--ctx-checkpoints --swa-checkpoints -ctxcp
--checkpoint-min-step -cms
--kv-unified-per-slot
--slot-save-path
--media-path
--models-dir
--models-preset
--models-max
--lookup-cache-static -lcs
--lookup-cache-dynamic -lcd
--reasoning-format
--reasoning -rea
--reasoning-effort
--reasoning-budget
--reasoning-budget-message
--slot-prompt-similarity -sps
--sleep-idle-seconds
--spec-draft-model --model-draft -md
--spec-draft-hf --hf-repo-draft -hfd -hfrd
--spec-draft-threads --threads-draft -td
--spec-draft-threads-batch --threads-batch-draft -tbd
--spec-draft-n-max --draft --draft-n --draft-max
--spec-draft-n-min --draft-min --draft-n-min
--spec-draft-n-ubatch
--spec-draft-p-split --draft-p-split
--spec-draft-p-min --draft-p-min
--spec-draft-sampling
--spec-draft-device --device-draft -devd
--spec-draft-ngl --gpu-layers-draft --n-gpu-layers-draft -ngld
--spec-draft-type-k --cache-type-k-draft -ctkd
--spec-draft-type-v --cache-type-v-draft -ctvd
--spec-draft-override-tensor --override-tensor-draft -otd
--spec-draft-n-cpu-moe --spec-draft-ncmoe --n-cpu-moe-draft -ncmoed
--ctx-size-draft -cd
--spec-type
--spec-ngram-mod-n-min
--spec-ngram-mod-n-max
--spec-ngram-mod-n-match
--spec-ngram-simple-size-n
--spec-ngram-simple-size-m
--spec-ngram-simple-min-hits
`;

// Switches, with the spellings that switch off behind a bar.
const SWITCHES = `
--swa-full
--perf | --no-perf
--escape -e | --no-escape
--kv-offload -kvo | --no-kv-offload -nkvo
--repack | --no-repack -nr
--no-host
--mmap | --no-mmap
--mlock
--cpu-moe -cmoe
--check-tensors
--op-offload | --no-op-offload
--log-disable
--log-jsonl | --no-log-jsonl
--log-verbose --verbose -v
--log-prefix | --no-log-prefix
--log-timestamps | --no-log-timestamps
--offline
--ignore-eos
--backend-sampling -bs
--spec-draft-cpu-moe --cpu-moe-draft -cmoed
--spec-draft-backend-sampling | --no-spec-draft-backend-sampling
--kv-unified -kvu | --no-kv-unified -no-kvu
--cache-idle-slots | --no-cache-idle-slots
--context-shift | --no-context-shift
--special -sp
--warmup | --no-warmup
--spm-infill
--cont-batching -cb | --no-cont-batching -nocb
--mmproj-auto | --no-mmproj --no-mmproj-auto
--mmproj-offload | --no-mmproj-offload
--reuse-port
--cors-credentials | --no-cors-credentials
--ui-mcp-proxy --webui-mcp-proxy | --no-ui-mcp-proxy --no-webui-mcp-proxy
--agent -ag | --no-agent -no-ag
--ui --webui | --no-ui --no-webui
--embedding --embeddings
--reranking --rerank
--cache-prompt | --no-cache-prompt
--metrics
--props
--slots | --no-slots
--models-autoload | --no-models-autoload
--jinja | --no-jinja
--reasoning-preserve | --no-reasoning-preserve
--skip-chat-parsing | --no-skip-chat-parsing
--prefill-assistant | --no-prefill-assistant
--lora-init-without-apply
--spec-default
`;

/** Switches of older builds that took a value later. */
const MAYBE_WITH_VALUE = `
--flash-attn -fa
--fit -fit
--log-colors
`;

/** By spelling; made when the first command is read, since most starts read none. */
let table: ReadonlyMap<string, LlamaOption> | null = null;

function optionOf(spelling: string): LlamaOption | null {
  table ??= new Map([
    ...rowsOf(WITH_VALUE, 'value'),
    ...rowsOf(SWITCHES, 'nothing'),
    ...rowsOf(MAYBE_WITH_VALUE, 'maybe'),
  ]);
  return table.get(plainSpelling(spelling)) ?? null;
}

function rowsOf(rows: string, takes: LlamaOption['takes']): (readonly [string, LlamaOption])[] {
  return rows
    .trim()
    .split('\n')
    .flatMap((row) => {
      const [on = '', off = ''] = row.split(' | ');
      const [first = '', ...others] = on.split(' ');
      const name = first.slice(2);
      return [
        ...[first, ...others].map((spelling) => [spelling, { name, takes, isOff: false }] as const),
        ...off
          .split(' ')
          .filter((spelling) => spelling !== '')
          .map((spelling) => [spelling, { name, takes, isOff: true }] as const),
      ];
    });
}

/** The engine takes `--ctx_size` for `--ctx-size`. */
const plainSpelling = (word: string): string => (word.startsWith('--') ? word.replaceAll('_', '-') : word);

const looksLikeOption = (word: string): boolean => /^-{1,2}[A-Za-z]/.test(word);

/** Words that an option may or may not be followed by. */
const SWITCH_WORD = /^(on|off|auto|true|false|enabled|disabled|[01])$/i;

/** Reads `words` from `from` on. A value may begin with a dash; what follows an option that takes one is its value. */
export function readOptions(words: readonly string[], from: number): GivenOption[] {
  const given: GivenOption[] = [];
  for (let at = from; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const equals = word.startsWith('-') ? word.indexOf('=') : -1;
    const spelling = equals === -1 ? word : word.slice(0, equals);
    const option = optionOf(spelling);
    if (equals !== -1) {
      given.push({ spelling, option, value: word.slice(equals + 1), at, valueAt: at });
      continue;
    }
    const next = words[at + 1];
    const isValue =
      next !== undefined &&
      (option === null
        ? looksLikeOption(word) && !looksLikeOption(next)
        : option.takes === 'value' || (option.takes === 'maybe' && SWITCH_WORD.test(next)));
    given.push({ spelling, option, value: isValue ? next : null, at, valueAt: isValue ? at + 1 : null });
    if (isValue) at += 1;
  }
  return given;
}

/** The last part of a path of either system, in lower case and without `.exe`. */
export const baseName = (path: string): string =>
  (path.split(/[/\\]/).at(-1) ?? '').toLowerCase().replace(/\.exe$/, '');

/** Index of the first word behind the program, where that is llama-server. */
export function programEnd(argv: readonly string[]): number | null {
  const name = baseName(argv[0] ?? '');
  if (name === 'llama-server') return 1;
  return name === 'llama' && argv[1] === 'serve' ? 2 : null;
}

/** The same, where another program may start it: `env A=1 nice llama-server`. Null where no word is llama-server. */
export function serverAt(argv: readonly string[]): number | null {
  for (let index = 0; index < argv.length; index += 1) {
    const end = programEnd(argv.slice(index, index + 2));
    if (end !== null) return index + end;
  }
  return null;
}

const ELSEWHERE = new Set(
  'docker podman nerdctl kubectl ssh wsl flatpak-spawn distrobox toolbox bash sh zsh cmd powershell pwsh'.split(' '),
);

/** True for commands whose words speak of another place, a container or a shell of its own: their paths are not ours. */
export const isElsewhere = (argv: readonly string[]): boolean =>
  programEnd(argv) === null && argv.slice(0, 4).some((word) => ELSEWHERE.has(baseName(word)));
