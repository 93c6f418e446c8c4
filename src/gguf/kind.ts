// What a file is for and what its template can do, by the header's own words and, where they are missing, by its tensors. It must
// never call something a chat model because of its file name alone.
import type { ModelFacts, ModelKind } from './facts.ts';
import type { Keys } from './keys.ts';
import type { GgufTensor } from './reader.ts';

const ENCODERS =
  /^(bert|modern-bert|nomic-bert|nomic-bert-moe|neo-bert|jina-bert-v[23]|eurobert|t5encoder|gemma-embedding\d*|llama-embed|pangu-embedded-encoder)$/;
/** Heads that only run beside a target model. */
const DRAFTS = /^(eagle3|dflash|gemma4-assistant)$/;
/** What llama.cpp reads but its server does not serve: diffusion models and vocoders. */
const UNSERVED = /^(dream|llada|llada-moe|rnd1|wavtokenizer-dec)$/;
/** File names of sidecars that llama.cpp itself looks for beside a model. */
const DRAFT_FILES = /^(mtp|eagle3|dflash|dspark)-/i;

export interface KindInput {
  readonly keys: Keys;
  readonly tensors: readonly GgufTensor[];
  readonly fileName: string;
  readonly isSplit: boolean;
  readonly poolingType: number | null;
  readonly isCausal: boolean;
}

export function kindOf(input: KindInput): ModelKind {
  const { keys, tensors, fileName } = input;
  const type = keys.textOf('general.type');
  if (type === 'adapter' || keys.has('adapter.type')) return 'adapter';
  if (type === 'imatrix' || keys.has('imatrix.chunk_count') || keys.has('imatrix.datasets')) return 'imatrix';
  if (keys.architecture === 'clip' || type === 'mmproj') return 'projector';
  if (keys.architecture === '' || keys.architecture === 'imatrix' || keys.architecture === 'controlvector')
    return 'unknown';
  if (tensors.length === 0 && !input.isSplit) return keys.has('tokenizer.ggml.model') ? 'vocabulary' : 'unknown';
  if (UNSERVED.test(keys.architecture)) return 'unknown';
  if (DRAFTS.test(keys.architecture) || DRAFT_FILES.test(fileName)) return 'draft';
  const hasClassifier = tensors.some((tensor) => /^cls(\.output)?\.weight$/.test(tensor.name));
  if (input.poolingType === 4 || (input.poolingType === null && hasClassifier)) return 'reranker';
  if (ENCODERS.test(keys.architecture) || (input.poolingType ?? 0) > 0) return 'embedding';
  return 'text';
}

export function projectorOf(keys: Keys): ModelFacts['projector'] {
  const vision = keys.flagOf('clip.has_vision_encoder');
  const audio = keys.flagOf('clip.has_audio_encoder');
  return {
    // Files from before the flags were projectors of images.
    hasVision: vision ?? audio !== true,
    hasAudio: audio ?? false,
    projectorType:
      keys.textOf('clip.projector_type') ??
      keys.textOf('clip.vision.projector_type') ??
      keys.textOf('clip.audio.projector_type'),
    projectionLength: keys.numberOf('clip.vision.projection_dim') ?? keys.numberOf('clip.audio.projection_dim'),
  };
}

/** The template that chats use; a file may have further ones by name (`tokenizer.chat_template.tool_use`). */
export const chatTemplateOf = (keys: Keys): string | null =>
  keys.textOf('tokenizer.chat_template') ?? keys.textOf('tokenizer.chat_template.default');

/** True where the template takes a list of tools. */
export function canUseTools(keys: Keys): boolean {
  if (keys.has('tokenizer.chat_template.tool_use')) return true;
  const template = chatTemplateOf(keys);
  return template !== null && /\b(tools|tool_calls|available_tools|builtin_tools)\b/.test(template);
}

/** True where the template knows of thoughts. */
export function canReason(keys: Keys): boolean {
  const template = chatTemplateOf(keys);
  return (
    template !== null &&
    /<\/?\|?think\|?>|\[\/?THINK\]|<\|?(START_)?THINKING\|?>|<seed:think>|<\/?\|?thought\|?>|<\|channel\|?>\s*(analysis|thought)|enable_thinking|\bif (not )?thinking\b|detailed thinking|reasoning_(content|effort)/i.test(
      template,
    )
  );
}

/** True where the vocabulary marks prefix, suffix and middle. */
export function canInfill(keys: Keys): boolean {
  const isThere = (part: string, old: string): boolean =>
    keys.has(`tokenizer.ggml.fim_${part}_token_id`) || keys.has(`tokenizer.ggml.${old}_token_id`);
  return isThere('pre', 'prefix') && isThere('suf', 'suffix') && isThere('mid', 'middle');
}
