// How an engine's download goes, told on the bus; no more often than anybody can see.
import type { Bus } from '../base/bus.ts';
import type { FetchProgress } from '../engine/sources/source.ts';
import type { DroverEvent } from './vocabulary.ts';

const LEAST_MS_BETWEEN = 100;

/** The last of a stage is always told. */
export function engineProgressTo(bus: Pick<Bus<DroverEvent>, 'emit'>): (progress: FetchProgress) => void {
  let toldAt = 0;
  return ({ stage, name, doneBytes, totalBytes }) => {
    const isLast = totalBytes !== null && doneBytes >= totalBytes;
    if (!isLast && Date.now() - toldAt < LEAST_MS_BETWEEN) return;
    toldAt = Date.now();
    bus.emit({ type: 'engine.progress', stage: `${stage} ${name}`.trim(), doneBytes, totalBytes });
  };
}
