// Models that are worth a first try, as data: repositories on Hugging Face that hold good quantizations of open models, for
// machines of every size. It must never hold a size: what a file takes is asked of the hub.

export interface ListedModel {
  /** `owner/name`. */
  readonly repository: string;
  readonly title: string;
  /** What it is good for, in one sentence. */
  readonly about: string;
  readonly parameterCount: number;
  /** Weights that one token passes through: what speed depends on. */
  readonly activeParameterCount: number;
  readonly licence: string;
  readonly canSee: boolean;
}

const B = 1e9;

/** Within a size the better one for most people comes first. */
export const LISTED_MODELS: readonly ListedModel[] = [
  {
    repository: 'unsloth/Qwen3-0.6B-GGUF',
    title: 'Qwen3 0.6B',
    about: 'Tiny and quick: to try things out, on any machine.',
    parameterCount: 0.6 * B,
    activeParameterCount: 0.6 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'unsloth/Qwen3-1.7B-GGUF',
    title: 'Qwen3 1.7B',
    about: 'Small: short questions, summaries, older laptops.',
    parameterCount: 1.7 * B,
    activeParameterCount: 1.7 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'unsloth/Qwen3-4B-Instruct-2507-GGUF',
    title: 'Qwen3 4B Instruct',
    about: 'A good all-rounder for its size, also with tools.',
    parameterCount: 4 * B,
    activeParameterCount: 4 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'ggml-org/gemma-3-4b-it-GGUF',
    title: 'Gemma 3 4B',
    about: 'Talks in many languages and sees pictures.',
    parameterCount: 4.3 * B,
    activeParameterCount: 4.3 * B,
    licence: 'Gemma',
    canSee: true,
  },
  {
    repository: 'unsloth/Qwen3-8B-GGUF',
    title: 'Qwen3 8B',
    about: 'Thinks before it answers; for 8 GB of video memory.',
    parameterCount: 8.2 * B,
    activeParameterCount: 8.2 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'ggml-org/gemma-3-12b-it-GGUF',
    title: 'Gemma 3 12B',
    about: 'Writes well in many languages and sees pictures.',
    parameterCount: 12.2 * B,
    activeParameterCount: 12.2 * B,
    licence: 'Gemma',
    canSee: true,
  },
  {
    repository: 'ggml-org/gpt-oss-20b-GGUF',
    title: 'gpt-oss 20B',
    about: 'Reasons and uses tools, quick for its size.',
    parameterCount: 20.9 * B,
    activeParameterCount: 3.6 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF',
    title: 'Qwen3 30B A3B Instruct',
    about: 'Knows much and answers quickly: few of its weights work at a time.',
    parameterCount: 30.5 * B,
    activeParameterCount: 3.3 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF',
    title: 'Qwen3 Coder 30B A3B',
    about: 'For code, in editors and agents.',
    parameterCount: 30.5 * B,
    activeParameterCount: 3.3 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
  {
    repository: 'ggml-org/gpt-oss-120b-GGUF',
    title: 'gpt-oss 120B',
    about: 'For a workstation: reasons, uses tools.',
    parameterCount: 116.8 * B,
    activeParameterCount: 5.1 * B,
    licence: 'Apache 2.0',
    canSee: false,
  },
];
