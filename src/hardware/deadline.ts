// Gives a reader a limited time: its answer, or a sentence about what it failed at. It must never throw, for one
// reader's trouble is not the others'.
import type { Reading } from './system.ts';

export interface Deadline {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export async function within<T>(
  what: string,
  { timeoutMs, signal }: Deadline,
  otherwise: T,
  read: () => Promise<Reading<T>>,
): Promise<Reading<T>> {
  const giveUp = new AbortController();
  const settled = new Promise<Reading<T>>((settle) => {
    const stop = (why: string) => (): void => settle({ value: otherwise, notes: [`Reading ${what} ${why}`] });
    const timer = setTimeout(stop(`took longer than ${timeoutMs} ms and was given up.`), timeoutMs);
    signal?.addEventListener('abort', stop('was cancelled.'), { signal: giveUp.signal });
    giveUp.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  try {
    return await Promise.race([read(), settled]);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { value: otherwise, notes: [`Reading ${what} failed: ${reason}`] };
  } finally {
    giveUp.abort();
  }
}
