// The token for Hugging Face: from the environment, else as somebody saved it, in a file that only its owner may read.
// It must never be logged, told whole, or sent to another host.
import { readFileSync, rmSync } from 'node:fs';
import { errorCode, Fault, toFault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';

/** Printable, no blanks: what may stand in a header. */
const TOKEN = /^[\x21-\x7e]{8,512}$/;

export class HubToken {
  constructor(
    private readonly file: string,
    /** `HF_TOKEN`; it has the last word. */
    private readonly fromEnvironment: string | null,
  ) {}

  /** Null where there is none. */
  get(): string | null {
    return this.fromEnvironment ?? this.#saved();
  }

  get isFromEnvironment(): boolean {
    return this.fromEnvironment !== null;
  }

  /** `hf_…abcd`; empty where there is none. */
  masked(): string {
    const token = this.get();
    if (token === null) return '';
    return `${token.startsWith('hf_') ? 'hf_' : ''}…${token.slice(-4)}`;
  }

  /** Replaces what was saved; an empty text removes it. Throws `bad_request` for what can be no token. */
  save(token: string): void {
    const trimmed = token.trim();
    if (trimmed === '') {
      rmSync(this.file, { force: true });
      return;
    }
    if (!TOKEN.test(trimmed)) {
      throw new Fault('bad_request', 'This is no token: 8 to 512 printable characters without blanks are wanted.', {
        hint: 'Make one at https://huggingface.co/settings/tokens.',
        details: { field: 'apiKey' },
      });
    }
    try {
      writeFileAtomically(this.file, `${trimmed}\n`, { mode: 0o600 });
    } catch (thrown) {
      throw toFault(thrown, 'not_writable');
    }
  }

  #saved(): string | null {
    try {
      const token = readFileSync(this.file, 'utf8').trim();
      return TOKEN.test(token) ? token : null;
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return null;
      throw toFault(thrown);
    }
  }
}
