// What is wrong here, looked for while somebody waits for the answer. One look serves all who ask meanwhile; it ends with
// the last of them. It changes nothing.
import { untilAborted } from '../base/sync.ts';
import { byWeight, type Finding, type FindingsOptions, findings } from './findings.ts';

export class Doctor {
  readonly #options: FindingsOptions;
  #look: { readonly work: Promise<readonly Finding[]>; readonly left: AbortController; readers: number } | null = null;

  constructor(options: FindingsOptions) {
    this.#options = options;
  }

  /** The worst first. */
  async examine(signal?: AbortSignal): Promise<readonly Finding[]> {
    signal?.throwIfAborted();
    const look = this.#look ?? this.#begin();
    look.readers += 1;
    try {
      return await untilAborted(look.work, signal);
    } finally {
      look.readers -= 1;
      if (look.readers === 0) {
        look.left.abort();
        if (this.#look === look) this.#look = null;
      }
    }
  }

  #begin() {
    const left = new AbortController();
    const look = { work: this.#all(left.signal), left, readers: 0 };
    look.work.catch(() => undefined);
    this.#look = look;
    return look;
  }

  async #all(signal: AbortSignal): Promise<readonly Finding[]> {
    const all: Finding[] = [];
    for await (const finding of findings(this.#options)) {
      signal.throwIfAborted();
      all.push(finding);
    }
    return byWeight(all);
  }
}
