// The frames of our own streams: events as SSE, the progress of a load and log lines as NDJSON. Each ends once. Pure.
import type { Told } from '../../base/bus.ts';
import type { Fault } from '../../base/fault.ts';
import { ndjsonText, sseText } from '../../base/frames.ts';
import type { BenchProgress } from '../../core/bench.ts';
import type { MachineFigures } from '../../core/machine-samples.ts';
import type { Regenerated } from '../../core/regeneration.ts';
import type { SetupState } from '../../core/setup-progress.ts';
import type { Measured } from '../../core/test-sessions.ts';
import type { DroverEvent, Instance } from '../../core/vocabulary.ts';
import { errorBody } from './shape.ts';

/** `id` is the sequence, `event` the type, `data` the event with its time. */
export const eventFrame = (told: Told<DroverEvent>): string =>
  sseText({
    id: told.sequence,
    event: told.event.type,
    data: JSON.stringify({ sequence: told.sequence, at: told.at, ...told.event }),
  });

/** Figures are of the moment: no sequence, and nobody gets them later. */
export const sampleFrame = (figures: MachineFigures): string =>
  sseText({ event: 'machine.sample', data: JSON.stringify({ type: 'machine.sample', ...figures }) });

export const progressFrame = (stage: string, detail: string | null): string => ndjsonText({ stage, detail });
export const finishFrame = (instance: Instance): string => ndjsonText({ instance });
export const setupFrame = (setup: SetupState): string => ndjsonText({ setup });
export const generatedFrame = (generated: Regenerated): string => ndjsonText({ generated });
export const benchFrame = (progress: BenchProgress): string => ndjsonText(progress);
export const measuredFrame = (measured: Measured): string => ndjsonText({ measured });
export const failFrame = (fault: Fault): string => ndjsonText(errorBody(fault));
type LogLine = Extract<DroverEvent, { type: 'log' }>['line'];
export const logFrame = (line: LogLine): string => ndjsonText(line);
