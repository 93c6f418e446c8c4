// Pictures made no larger than models look at them, in a canvas; what was hidden in the file (place, camera) stays behind.
import type { Attachment } from './chat.ts';

/** Projectors tile at most about so much; more only costs time. */
const LONGEST_PX = 1536;
const QUALITY = 0.9;

export function scaled(width: number, height: number, longest = LONGEST_PX): { width: number; height: number } {
  const ratio = Math.min(1, longest / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * ratio)), height: Math.max(1, Math.round(height * ratio)) };
}

/** Null: the browser cannot read it. */
export async function shrunk(file: File, name: string): Promise<Attachment | null> {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap === null) return null;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, scaled(bitmap.width, bitmap.height));
  const context = canvas.getContext('2d');
  if (context === null) return null;
  // Drawings and screenshots stay sharp as PNG; engines decode PNG and JPEG everywhere.
  const mediaType = file.type === 'image/jpeg' ? 'image/jpeg' : 'image/png';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const data = canvas.toDataURL(mediaType, QUALITY).replace(/^data:[^,]*,/, '');
  return { kind: 'image', name, mediaType, sizeBytes: Math.floor((data.length * 3) / 4), data };
}
