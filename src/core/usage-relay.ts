// The relay lane of a lease: passes one request to the leased engine, reports what it cost and gives the lease back,
// once, however the request ends. It must never hold a lease longer than the engine works for it.
import { type LastFrame, type RelayOutcome, type RelayRequest, relay } from '../base/relay.ts';
import type { Upstream } from '../base/upstream.ts';
import { NO_COUNTS } from '../engine/client-generation.ts';
import type { Lease } from './drover.ts';
import { countFromTail, TAIL_BYTES } from './usage.ts';

export interface RelayLeaseOptions {
  /** Epoch milliseconds of the request's arrival. */
  readonly startedAt: number;
  /** Milliseconds that passed before the lease was there; part of the time to the first byte. */
  readonly waitedMs: number;
  readonly lastFrame: LastFrame;
}

/** Takes the lease over: the caller must not dispose it. */
export function relayOnLease(
  upstream: Upstream,
  lease: Lease,
  request: RelayRequest,
  options: RelayLeaseOptions,
): Promise<Response> {
  return relay(upstream, lease, request, {
    tailBytes: TAIL_BYTES,
    lastFrame: options.lastFrame,
    // Not now: the answer is on its way, and what follows would delay it.
    onEnd: (outcome) => setImmediate(settle, lease, outcome, options),
  });
}

/** In plain text, such as a transcript, quotes are not escaped: whoever speaks could name the counts. */
const COUNTED = /^(?:application\/[\w.+-]*json|text\/event-stream)\s*(?:;|$)/i;

function settle(lease: Lease, outcome: RelayOutcome, options: RelayLeaseOptions): void {
  try {
    const hasCounts = outcome.status === 200 && outcome.tail.length > 0 && COUNTED.test(outcome.contentType);
    const [only] = outcome.tail;
    const tail =
      outcome.tail.length === 1 && only !== undefined
        ? Buffer.from(
            only.buffer,
            only.byteOffset + Math.max(0, only.byteLength - TAIL_BYTES),
            Math.min(only.byteLength, TAIL_BYTES),
          )
        : Buffer.concat(outcome.tail).subarray(-TAIL_BYTES);
    lease.report({
      startedAt: options.startedAt,
      durationMs: Date.now() - options.startedAt,
      firstByteMs: outcome.firstByteMs === null ? null : options.waitedMs + outcome.firstByteMs,
      status:
        outcome.fault === null ? outcome.status : outcome.fault.kind === 'cancelled' ? 499 : outcome.status || 502,
      bytesOut: outcome.bytesOut,
      ...(hasCounts ? countFromTail(tail) : NO_COUNTS),
    });
  } finally {
    void lease[Symbol.asyncDispose]();
  }
}
