// Why a load failed, told from the engine's last lines: a cause that people understand and what they can do. Pure.
// The first rule that matches wins, so what is particular stands before what is general.

export interface FailureCause {
  readonly message: string;
  readonly hint: string;
  /** True where less memory would have helped. */
  readonly isOutOfMemory: boolean;
}

interface Rule {
  readonly pattern: RegExp;
  readonly message: (match: RegExpExecArray) => string;
  readonly hint: string;
  readonly isOutOfMemory?: boolean;
}

const DOWNLOAD_AGAIN = 'Download the file again.';
const UPDATE = 'Update the engine (drover engine update), or take another file of this model.';

const RULES: readonly Rule[] = [
  {
    pattern: /unknown model architecture: '([^']*)'/,
    message: (match) => `This build of the engine does not know the architecture "${match[1]}".`,
    hint: UPDATE,
  },
  {
    pattern: /unknown pre-tokenizer type: '([^']*)'/,
    message: (match) => `This build of the engine does not know the tokenizer "${match[1]}".`,
    hint: UPDATE,
  },
  {
    pattern: /tensor '([^']*)' data is not within the file bounds|model is corrupted or incomplete/,
    message: () => 'The file ends too early: it is incomplete or damaged.',
    hint: DOWNLOAD_AGAIN,
  },
  {
    pattern: /invalid magic characters|gguf_init_from_(?:file|reader)[^:]*: (?:failed to read|invalid magic)/,
    message: () => 'The file is not a GGUF, or its beginning is damaged.',
    hint: DOWNLOAD_AGAIN,
  },
  {
    pattern:
      /(?:failed to open|cannot open|unable to open)(?: GGUF)?(?: file)?[: ]+'?([^'\n]*?)'?(?: \(|: No such file|$)/i,
    message: (match) => `The file ${match[1] ?? ''} cannot be opened.`,
    hint: 'Is it still there, and may this user read it?',
  },
  {
    pattern: /check_tensor_dims: tensor '([^']*)' (not found|has wrong shape)/,
    message: (match) =>
      match[2] === 'not found'
        ? `The file lacks the tensor ${match[1]}, which this build of the engine expects.`
        : `The tensor ${match[1]} has a shape that this build of the engine does not expect.`,
    hint: UPDATE,
  },
  {
    pattern: /missing tensor '([^']*)'|wrong number of tensors; expected (\d+), got (\d+)/,
    message: (match) =>
      match[1] === undefined
        ? `The file has ${match[3]} tensors; the engine expects ${match[2]}.`
        : `The file lacks the tensor ${match[1]}.`,
    hint: UPDATE,
  },
  {
    pattern: /key not found in model: (\S+)/,
    message: (match) => `The header lacks ${match[1]}, which the engine needs.`,
    hint: UPDATE,
  },
  {
    pattern: /error loading model vocabulary: (.*)|cannot find tokenizer (?:vocab|merges)/,
    message: (match) => `The vocabulary in the file cannot be read${match[1] === undefined ? '' : `: ${match[1]}`}.`,
    hint: UPDATE,
  },
  {
    pattern: /invalid split file|(?:illegal|missing) split|failed to load GGUF split from (.*)/i,
    message: (match) =>
      `A part of the split model is missing or wrong${match[1] === undefined ? '' : `: ${match[1]}`}.`,
    hint: 'Download the missing part again; all parts must lie in one folder.',
  },
  {
    pattern: /([KV]) cache type (\S+) with block size (\d+) does not divide (\S+)/,
    message: (match) => `This model's heads do not allow a ${match[2]} cache.`,
    hint: 'Set cacheType: f16 for this model.',
  },
  {
    pattern: /V cache (?:quantization )?(?:was requested, but this )?requires (?:Flash Attention|flash_attn)/i,
    message: () => 'A quantized V cache needs flash attention, which this device or model does not support.',
    hint: 'Set cacheType: f16 for this model.',
  },
  {
    pattern: /mismatch between text model \(n_embd = (\d+)\) and mmproj \(n_embd = (\d+)\)/,
    message: () => 'The projector belongs to another model.',
    hint: 'Set mmproj to the file that was published with this model.',
  },
  {
    pattern: /failed to load (?:multimodal|CLIP|mmproj) model/i,
    message: () => 'The projector (mmproj) cannot be loaded.',
    hint: 'Download the projector again, or remove mmproj for this model.',
  },
  {
    pattern: /draft model.*(?:not compatible|vocab)|vocabs? .*(?:do not match|not compatible)/i,
    message: () => 'The draft model does not go with this model: their vocabularies differ.',
    hint: 'Take a draft model of the same family, or remove draft.',
  },
  {
    pattern: /invalid device: (\S+)/,
    message: (match) => `The engine does not find the device ${match[1]}.`,
    hint: 'See what it finds: drover doctor.',
  },
  {
    pattern: /failed to load draft model/,
    message: () => 'The draft model cannot be loaded.',
    hint: 'Download it again, or remove draft for this model.',
  },
  {
    pattern: /error: (?:invalid argument|unknown argument|error while handling argument "?)[: ]*([^"\n]*)/,
    message: (match) => `The engine refuses an option: ${match[1]?.trim() ?? ''}`,
    hint: 'Look at the flags of this model; this build may not know them.',
  },
  {
    pattern: /(?:supplied|custom) chat template is not supported|failed to parse chat template/i,
    message: () => 'The engine cannot use this chat template.',
    hint: 'Set chatTemplate to one of its built-in names, or leave it out.',
  },
  {
    pattern: /couldn't bind|bind(?:ing)? .*(?:failed|in use)|address already in use/i,
    message: () => 'The engine could not open its port.',
    hint: 'Another program took it in the meantime: try again.',
  },
  {
    pattern:
      /out of memory|OutOfDeviceMemory|OutOfHostMemory|(?:failed|unable|cannot) to? ?allocate|bad_alloc|insufficient memory|failed to allocate (?:compute|buffer)|allocation of size .* failed/i,
    message: () => 'Memory ran out while the model was loading.',
    hint: 'Take a smaller context or quantization, or unload another model.',
    isOutOfMemory: true,
  },
  {
    pattern:
      /device kernel image is invalid|no kernel image is available|unsupported PTX|CUDA driver version is insufficient/i,
    message: () => 'The GPU driver does not suit this build of the engine.',
    hint: 'Update the driver, or choose another backend: drover engine ls.',
  },
  {
    pattern: /CUDA error|ROCm error|hipError|vk::\w*Error|ErrorDeviceLost|Metal error/i,
    message: () => 'The GPU or its driver reported an error.',
    hint: 'Update the driver, or choose another backend: drover engine ls.',
  },
  {
    pattern: /error while loading shared libraries: ([^:]*)|cannot open shared object file/,
    message: (match) => `A library that the engine needs is missing${match[1] === undefined ? '' : `: ${match[1]}`}.`,
    hint: 'Install the engine again: drover engine install.',
  },
  {
    pattern: /error loading model: (.*)/,
    message: (match) => `The engine cannot load this file: ${match[1]}.`,
    hint: UPDATE,
  },
];

const PREFIX = /^(?:\d+\.\d{2}\.\d{3}\.\d{3} )?(?:[A-Z] )?/;
const MAX_LINE = 1000;

/** The cause that these lines tell, or null where they tell none. */
export function explainFailure(lines: readonly string[]): FailureCause | null {
  // What the file says of itself is no message of the engine.
  const spoken = lines.slice(-400).filter((line) => !line.includes('llama_model_loader: - kv '));
  const texts = spoken.map((line) => line.slice(0, MAX_LINE).replace(PREFIX, ''));
  for (const rule of RULES) {
    for (const text of texts) {
      const match = rule.pattern.exec(text);
      if (match !== null)
        return { message: rule.message(match), hint: rule.hint, isOutOfMemory: rule.isOutOfMemory === true };
    }
  }
  return null;
}
