// Finds the `model` part of a multipart form (RFC 7578) without reading more than comes before it; the file passes by.
// It must never hold a whole upload when the name came first, nor change any other byte.
import { Fault } from '../../base/fault.ts';
import type { UpstreamBody } from '../../base/upstream.ts';
import { announcedLength, tooLarge } from '../intake.ts';

export interface FormIntake {
  /** The value of the `model` part; empty when there is none. */
  readonly model: string;
  /** The body to send on, with another model's name in it, or unchanged. */
  bodyFor(model: string | null): UpstreamBody;
}

interface Part {
  readonly start: number;
  readonly end: number;
}

const NAME_LIMIT = 1024;
const PART_HEAD_LIMIT = 16 * 1024;

export async function intakeForm(request: Request, limitBytes: number): Promise<FormIntake> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new Fault('unsupported_media_type', 'The body must be a form with the file.', {
      hint: 'Send "Content-Type: multipart/form-data".',
    });
  }
  const boundary = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(type);
  if (boundary === null || request.body === null)
    throw new Fault('bad_request', 'The form has no boundary or no body.');
  const length = announcedLength(request, limitBytes);
  const finder = new ModelPartFinder(boundary[1] ?? boundary[2] ?? '');
  const reader = request.body.getReader();
  let part: Part | null = null;
  let isEnded = false;
  while (part === null && !isEnded) {
    const { done, value } = await reader.read();
    if (done) isEnded = true;
    else part = finder.push(value);
    if (finder.length > limitBytes) throw tooLarge(limitBytes);
  }
  reader.releaseLock();
  const held = finder.bytes;
  const rest = isEnded ? null : request.body;
  return {
    model: part === null ? '' : held.toString('utf8', part.start, part.end).trim(),
    bodyFor: (model) => {
      const total = rest === null ? held.length : length;
      if (model === null || part === null) return { chunks: [held], rest, lengthBytes: total };
      const name = Buffer.from(model);
      return {
        chunks: [held.subarray(0, part.start), name, held.subarray(part.end)],
        rest,
        lengthBytes: total === null ? null : total - (part.end - part.start) + name.length,
      };
    },
  };
}

/** Keeps what has come and looks for the part, each byte once. */
export class ModelPartFinder {
  readonly #delimiter: Buffer;
  #buffer = Buffer.alloc(0);
  #length = 0;
  /** Where the search goes on. */
  #at = 0;
  /** Start of the value of the model's part, once its head was seen. */
  #valueStart: number | null = null;

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`--${boundary}`, 'latin1');
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  push(piece: Uint8Array): Part | null {
    if (this.#length + piece.byteLength > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(64 * 1024, this.#buffer.length * 2, this.#length + piece.byteLength));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length += piece.byteLength;
    return this.#search();
  }

  #search(): Part | null {
    const bytes = this.bytes;
    for (;;) {
      const found = bytes.indexOf(this.#delimiter, this.#at);
      if (found === -1) {
        // A delimiter may be cut in two by the end of what has come.
        this.#at = Math.max(this.#at, this.#length - this.#delimiter.length);
        if (this.#valueStart !== null && this.#length - this.#valueStart > NAME_LIMIT) {
          throw new Fault('bad_request', 'The "model" part of the form is too long.');
        }
        return null;
      }
      if (this.#valueStart !== null) return { start: this.#valueStart, end: Math.max(this.#valueStart, found - 2) };
      const headStart = found + this.#delimiter.length;
      const headEnd = bytes.indexOf('\r\n\r\n', headStart);
      if (headEnd === -1) {
        if (this.#length - headStart > PART_HEAD_LIMIT) {
          throw new Fault('bad_request', 'The form has a part with too long a head.');
        }
        this.#at = found;
        return null;
      }
      this.#at = headEnd + 4;
      if (headEnd - headStart > PART_HEAD_LIMIT) continue;
      const head = bytes.toString('latin1', headStart, headEnd);
      if (/content-disposition:[^\r\n]*;\s*name="?model"?\s*(?:;|\r|$)/i.test(head)) this.#valueStart = this.#at;
    }
  }
}
