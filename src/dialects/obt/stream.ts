// The messages of OBT's WebSocket: how far a test is, and once of each how it ended. Pure.
import type { TestRecord } from '../../core/test-records.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';
import { metricsToWire } from './shape.ts';

type Progress = Extract<DroverEvent, { type: 'test.progress' }>;
type Ended = Extract<DroverEvent, { type: 'test.ended' }>;

const percent = (ratio: number): number => Math.min(100, Math.max(0, Math.round(ratio * 100)));

const about = ({ sessionId, modelId, kind }: Pick<Ended, 'sessionId' | 'modelId' | 'kind'>) => ({
  sessionId,
  modelName: modelId,
  testType: kind,
});

export const progressFrame = (event: Progress): string =>
  JSON.stringify({ type: 'progress', ...about(event), progress: percent(event.ratio) });

export const endFrame = (event: Omit<Ended, 'type'>): string =>
  JSON.stringify(
    event.failure === null
      ? { type: 'complete', ...about(event), progress: 100, metrics: metricsToWire(event.metrics) }
      : { type: 'error', ...about(event), progress: percent(event.ratio), error: event.failure },
  );

/** Of a test that had ended before the reader came; null: it has not. */
export function pastFrame(sessionId: string, test: TestRecord): string | null {
  const { modelId, kind, state, metrics, failure } = test;
  if (state !== 'completed' && state !== 'failed') return null;
  const ratio = state === 'completed' ? 1 : 0;
  return endFrame({
    sessionId,
    modelId,
    kind,
    ratio,
    metrics,
    failure: state === 'completed' ? null : (failure ?? ''),
  });
}
