// The clock of BeautyAI's answers: each one tells when it was made and how long that took.
import { answered, type Envelope } from './envelope.ts';

/** Runs what makes an answer's fields and puts them into the envelope. */
export async function timed<Fields extends object>(work: () => Fields | Promise<Fields>): Promise<Envelope & Fields> {
  const began = performance.now();
  const fields = await work();
  return answeredAfter(performance.now() - began, fields);
}

/** The same for an answer that took so many milliseconds. */
export function answeredAfter<Fields extends object>(durationMs: number, fields: Fields): Envelope & Fields {
  const nowMs = Date.now();
  return answered(nowMs - durationMs, nowMs, fields);
}
