// Which build is the newest that could be had for this machine: asked of the sources, nothing fetched but their indices.
import type { Rung } from './catalog.ts';
import type { FetchOptions, RemoteBuild, SourceDriver } from './sources/source.ts';

/**
 * What the sources have for the first offered rung for which one of them has anything; null where they have nothing.
 * Throws the last refusal where none of them could be asked.
 */
export async function newestOffered(
  ladder: readonly Rung[],
  sources: readonly SourceDriver[],
  options: FetchOptions,
): Promise<RemoteBuild | null> {
  let refusal: unknown = null;
  let hasAnswer = false;
  for (const rung of ladder) {
    if (!rung.isOffered || rung.request === null) continue;
    for (const driver of sources) {
      try {
        const found = await driver.find({ ...rung.request, version: null }, options);
        if (found !== null) return found;
        hasAnswer = true;
      } catch (thrown) {
        options.signal?.throwIfAborted();
        refusal = thrown;
      }
    }
  }
  if (refusal !== null && !hasAnswer) throw refusal;
  return null;
}
