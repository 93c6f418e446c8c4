// What a model is for, of the hub's many words for it the few kinds that people tell apart. Pure.
import type { texts } from '../../texts/index.ts';

export type Purpose = keyof typeof texts.get.purposes;

/** By https://huggingface.co/tasks; others keep the hub's own word. */
const PURPOSES: Readonly<Record<string, Purpose>> = {
  'text-generation': 'text',
  'text2text-generation': 'text',
  translation: 'text',
  summarization: 'text',
  'question-answering': 'text',
  'image-text-to-text': 'vision',
  'video-text-to-text': 'vision',
  'image-to-text': 'vision',
  'visual-question-answering': 'vision',
  'document-question-answering': 'vision',
  'feature-extraction': 'embedding',
  'sentence-similarity': 'embedding',
  'text-ranking': 'reranking',
  'text-to-speech': 'speech',
  'text-to-audio': 'speech',
  'automatic-speech-recognition': 'speech',
  'audio-text-to-text': 'speech',
  'text-to-image': 'image',
  'image-to-image': 'image',
  'text-to-video': 'video',
  'image-to-video': 'video',
};

export const purposeOf = (pipeline: string): Purpose | null =>
  Object.hasOwn(PURPOSES, pipeline) ? (PURPOSES[pipeline] ?? null) : null;
