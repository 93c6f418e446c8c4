// What a row of measurements comes to. Pure. It must never make a figure out of nothing: of no values there is none, and of
// one there is no spread.

export interface Statistics {
  readonly count: number;
  readonly average: number;
  readonly least: number;
  readonly most: number;
  /** Of the sample (n − 1); null of a single value. */
  readonly deviation: number | null;
  readonly p50: number;
  readonly p95: number;
}

/** Null of no values. What is null among them was not measured and counts for nothing. */
export function statisticsOf(values: readonly (number | null)[]): Statistics | null {
  const known = values.filter((value) => value !== null).sort((left, right) => left - right);
  const [least] = known;
  const most = known.at(-1);
  if (least === undefined || most === undefined) return null;
  const average = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - average) ** 2, 0);
  return {
    count: known.length,
    average,
    least,
    most,
    deviation: known.length < 2 ? null : Math.sqrt(squares / (known.length - 1)),
    p50: percentileOf(known, 0.5),
    p95: percentileOf(known, 0.95),
  };
}

/** Between the two nearest ranks, in proportion: Hyndman and Fan's type 7, as spreadsheets and NumPy have it. */
function percentileOf(sorted: readonly number[], ratio: number): number {
  const rank = (sorted.length - 1) * ratio;
  const below = sorted[Math.floor(rank)] ?? 0;
  const above = sorted[Math.ceil(rank)] ?? below;
  return below + (above - below) * (rank - Math.floor(rank));
}
