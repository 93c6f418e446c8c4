// Gives a reader a limited time: its answer, or a sentence about what it failed at. It must never throw, for one
// reader's trouble is not the others'.
import type { Reading } from './system.ts';

export async function within<T>(
  what: string,
  timeoutMs: number,
  otherwise: T,
  read: () => Promise<Reading<T>>,
): Promise<Reading<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Reading<T>>((settle) => {
    timer = setTimeout(
      () => settle({ value: otherwise, notes: [`Reading ${what} took longer than ${timeoutMs} ms and was given up.`] }),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([read(), late]);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { value: otherwise, notes: [`Reading ${what} failed: ${reason}`] };
  } finally {
    clearTimeout(timer);
  }
}
