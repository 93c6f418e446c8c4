// What LlamaHome's streams beside prompts are fed from: the log, findings, figures. Each ends when its reader leaves.
import type { Drover } from '../../core/drover.ts';
import type { Finding } from '../../core/finding.ts';
import type { HomeDesk } from '../../core/home-desk.ts';
import type { LogSearch } from '../../core/log-search.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';
import { logToWire } from './log-entries.ts';
import { findingsToWire, findingToWire, metricsToWire } from './shape-system.ts';
import type { Framing } from './stream.ts';

export async function* logFeed(
  home: HomeDesk,
  search: LogSearch,
  framing: Framing,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  for await (const line of home.logLines(search, signal)) {
    // Up to now that was all: the headers go out, and the next line may be long in coming.
    yield line === null ? framing.heartbeat : framing.frame(logToWire(line));
  }
}

/** One finding after the other, then what they amount to. */
export async function* findingsFeed(
  home: HomeDesk,
  framing: Framing,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const found: Finding[] = [];
  for await (const finding of home.findings()) {
    if (signal.aborted) return;
    found.push(finding);
    yield framing.frame(findingToWire(finding));
  }
  const { status, message, timestamp } = findingsToWire(found, Date.now());
  yield framing.frame({ done: true, status, message, timestamp });
}

const NEWS: ReadonlySet<DroverEvent['type']> = new Set(['request.finished', 'request.queued', 'instance.changed']);

export const metricsOf = (drover: Drover) =>
  metricsToWire(
    { totals: drover.usage(), instances: drover.instances(), startedAt: drover.status().startedAt },
    Date.now(),
  );

/** The figures as they are, and again whenever something has changed them; what changes meanwhile is one change. */
export async function* metricsFeed(
  drover: Drover,
  framing: Framing,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  let isStale = false;
  let isOver = signal.aborted;
  let wake: (() => void) | null = null;
  const stop = (): void => {
    isOver = true;
    wake?.();
  };
  const unsubscribe = drover.bus.subscribe(({ event }) => {
    if (event.type === 'server.stopping') stop();
    if (!NEWS.has(event.type)) return;
    isStale = true;
    wake?.();
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    yield framing.frame(metricsOf(drover));
    while (!isOver) {
      if (!isStale) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
        continue;
      }
      isStale = false;
      yield framing.frame(metricsOf(drover));
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', stop);
  }
}
