// What every JSON answer of BeautyAI's API carries: whether it went well, when it was made and how long that took. Pure: the
// clock is the caller's.

export interface Envelope {
  readonly success: true;
  /** ISO-8601, UTC. */
  readonly timestamp: string;
  readonly execution_time_ms: number;
}

/** Both times in epoch milliseconds; fractions are kept to the microsecond. */
export function answered<Fields extends object>(startedMs: number, nowMs: number, fields: Fields): Envelope & Fields {
  return {
    success: true,
    ...fields,
    timestamp: new Date(nowMs).toISOString(),
    execution_time_ms: Math.round(Math.max(0, nowMs - startedMs) * 1000) / 1000,
  };
}
