// What is wrong here, looked for while somebody waits for the answer. One look serves all who ask meanwhile; it ends with
// the last of them. A look changes nothing; what it can mend safely is mended when somebody asks for that.
import { untilAborted } from '../base/sync.ts';
import { byWeight, type Finding } from './finding.ts';
import { type FindingsOptions, findings } from './findings.ts';
import { mendFolder } from './findings-folder.ts';

export interface Mended {
  /** A sentence for each thing that was done. */
  readonly done: readonly string[];
  /** What is left, the worst first. */
  readonly findings: readonly Finding[];
}

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

  /** The same, and reads all that was downloaded: for whoever asks, and until they leave. */
  examineDeeply = (signal?: AbortSignal): Promise<readonly Finding[]> => this.#all(signal, true);

  /** Mends what is safe to mend, and looks again. A second time there is nothing left to do. */
  async mend(signal?: AbortSignal): Promise<Mended> {
    const { surroundings } = this.#options;
    const done = surroundings === undefined ? [] : mendFolder(surroundings.folder());
    // One that began before does not know of it.
    this.#look = null;
    return { done, findings: await this.examine(signal) };
  }

  #begin() {
    const left = new AbortController();
    const look = { work: this.#all(left.signal), left, readers: 0 };
    look.work.catch(() => undefined);
    this.#look = look;
    return look;
  }

  async #all(signal: AbortSignal | undefined, isDeep = false): Promise<readonly Finding[]> {
    const all: Finding[] = [];
    for await (const finding of findings(this.#options, { isDeep, signal })) {
      signal?.throwIfAborted();
      all.push(finding);
    }
    return byWeight(all);
  }
}
