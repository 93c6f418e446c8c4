// What may go with a question: pictures for models that see, text files as text. The rules, and reading by them. It must
// never take a file that it would have to garble.
import { size } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import type { Attachment } from './chat.ts';
import { shrunk } from './pictures.ts';

export const MAX_ATTACHMENTS = 8;
const MAX_TEXT_BYTES = 512 * 1024;
/** Before it is made smaller. */
const MAX_IMAGE_BYTES = 30 * 1024 * 1024;
const IMAGE = /^image\/(?:png|jpeg|gif|webp|bmp|avif)$/;

export type Refusal = string;
export const isRefusal = (read: Attachment | Refusal): read is Refusal => typeof read === 'string';

/** Null: it may be read. */
export function refusalOf(
  file: { readonly name: string; readonly type: string; readonly size: number },
  {
    hasVision,
    count,
    modelId,
  }: { readonly hasVision: boolean; readonly count: number; readonly modelId: string | null },
): Refusal | null {
  const { attachments } = texts.chat;
  if (count >= MAX_ATTACHMENTS) return attachments.tooMany(MAX_ATTACHMENTS);
  if (file.type.startsWith('image/') && file.type !== 'image/svg+xml') {
    if (!hasVision) return attachments.noVision(modelId);
    if (!IMAGE.test(file.type)) return attachments.badImage(file.name);
    return file.size > MAX_IMAGE_BYTES ? attachments.tooLarge(file.name, size(MAX_IMAGE_BYTES)) : null;
  }
  return file.size > MAX_TEXT_BYTES ? attachments.tooLarge(file.name, size(MAX_TEXT_BYTES)) : null;
}

/** Text, or null where the bytes are none: not UTF-8, or full of control characters. */
export function textIn(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells a binary file.
    return /[\u0000-\u0008\u000e-\u001a]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

export async function readAttachment(file: File): Promise<Attachment | Refusal> {
  const { attachments } = texts.chat;
  const name = file.name === '' ? attachments.pasted : file.name;
  if (file.type.startsWith('image/') && file.type !== 'image/svg+xml') {
    return (await shrunk(file, name)) ?? attachments.badImage(name);
  }
  const text = textIn(new Uint8Array(await file.arrayBuffer()));
  if (text === null) return attachments.notText(name);
  return { kind: 'text', name, mediaType: 'text/plain', sizeBytes: file.size, data: text };
}
