// Asks the ready engines for their metrics, all at once and not for long. It must never start, wake or keep busy a model:
// it takes no lease, so a scraper does not keep idle models loaded.
import type { Upstream } from '../base/upstream.ts';
import type { EngineMetrics } from './metrics.ts';

/** A ready engine, by address. */
export interface EngineTarget {
  readonly modelId: string;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 500;
const LIMIT_BYTES = 1024 * 1024;

/** Engines that do not answer in time, or know no metrics, are left out. */
export async function askEngineMetrics(
  upstream: Upstream,
  targets: readonly EngineTarget[],
): Promise<readonly EngineMetrics[]> {
  const answers = await Promise.all(targets.map((target) => askOne(upstream, target)));
  return answers.filter((answer) => answer !== null);
}

function askOne(upstream: Upstream, target: EngineTarget): Promise<EngineMetrics | null> {
  return new Promise((resolve) => {
    const pieces: Uint8Array[] = [];
    let length = 0;
    let isGood = false;
    const finish = (answer: EngineMetrics | null): void => {
      clearTimeout(timer);
      exchange.abort();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), TIMEOUT_MS);
    const exchange = upstream.send(
      {
        baseUrl: target.baseUrl,
        method: 'GET',
        target: '/metrics',
        headers: Object.entries(target.headers),
        body: null,
      },
      {
        head: (head) => {
          isGood = head.status === 200;
        },
        data: (bytes) => {
          length += bytes.byteLength;
          if (length > LIMIT_BYTES) finish(null);
          else pieces.push(bytes);
        },
        end: () => {
          clearTimeout(timer);
          resolve(isGood ? { modelId: target.modelId, text: Buffer.concat(pieces).toString('utf8') } : null);
        },
        fail: () => {
          clearTimeout(timer);
          resolve(null);
        },
      },
    );
  });
}
