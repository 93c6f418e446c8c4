// Runs of benchmarks: asked for, read from a file, and turned into series and rows that can be compared. Pure but for the
// questions to the server.
import { useQuery } from '@tanstack/react-query';
import type { runAnswer } from '../../../dialects/drover/schema-bench.ts';
import type { Answer } from '../../api/answers.ts';
import { get } from '../../api/client.ts';
import type { Series } from '../../parts/chart.tsx';
import { texts } from '../../texts/index.ts';

export type Run = Answer<typeof runAnswer>;
type Report = NonNullable<Run['report']>;
type Cell = Report['cells'][number];

export const RUNS = ['bench'] as const;

export const useRuns = () =>
  useQuery({
    queryKey: RUNS,
    queryFn: async ({ signal }) => (await get<{ runs: Run[] }>('/drover/bench', { signal })).runs,
  });

export type Effort = 'quick' | 'usual' | 'thorough';

export const EFFORTS: Readonly<
  Record<
    Effort,
    {
      readonly promptLengths: readonly number[];
      readonly concurrencies: readonly number[];
      readonly tokens: number;
      readonly runs: number;
    }
  >
> = {
  quick: { promptLengths: [128], concurrencies: [1], tokens: 32, runs: 2 },
  usual: { promptLengths: [128, 512, 2048], concurrencies: [1, 4], tokens: 64, runs: 3 },
  thorough: { promptLengths: [128, 512, 2048, 8192], concurrencies: [1, 2, 4, 8], tokens: 128, runs: 5 },
};

/** For people: its name, else its model. */
export const nameOf = ({ name, models, id }: Run): string => name ?? models[0] ?? id;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumberOrNull = (value: unknown): boolean =>
  value === null || (typeof value === 'number' && Number.isFinite(value));
const hasAverage = (value: unknown): boolean => value === null || (isRecord(value) && isNumberOrNull(value.average));

/** A run as this page saves it; null where the text is none. Nothing of it is trusted to be there. */
export function runIn(text: string): Run | null {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(found) || typeof found.id !== 'string' || !Array.isArray(found.models)) return null;
  const { report } = found;
  if (!isRecord(report) || !Array.isArray(report.cells) || !Array.isArray(report.skipped)) return null;
  const areCells = report.cells.every(
    (cell: unknown) =>
      isRecord(cell) &&
      isNumberOrNull(cell.promptLength) &&
      typeof cell.concurrency === 'number' &&
      hasAverage(cell.tokensPerSecond) &&
      hasAverage(cell.promptTokensPerSecond) &&
      hasAverage(cell.firstPieceMs) &&
      isRecord(cell.use),
  );
  return areCells ? ({ ...found, id: `file ${found.id}` } as unknown as Run) : null;
}

export type Figure = 'tokensPerSecond' | 'promptTokensPerSecond' | 'firstPieceMs';

export const averageOf = (cell: Cell, figure: Figure): number | null => cell[figure]?.average ?? null;

/** One line for each run and number of requests at the same time, over the lengths of the prompt. */
export function seriesOf(
  runs: readonly Run[],
  figure: Figure,
): { readonly xs: readonly number[]; readonly series: readonly Series[] } {
  const cells = runs.flatMap((run) => (run.report?.cells ?? []).map((cell) => ({ run, cell })));
  const xs = [...new Set(cells.flatMap(({ cell }) => cell.promptLength ?? []))].sort((left, right) => left - right);
  const series = runs.flatMap((run) => {
    const own = cells.filter((one) => one.run === run);
    const concurrencies = [...new Set(own.map(({ cell }) => cell.concurrency))].sort((left, right) => left - right);
    return concurrencies.map(
      (concurrency): Series => ({
        label: texts.bench.series(nameOf(run), concurrency),
        values: xs.map((x) => {
          const found = own.find(({ cell }) => cell.promptLength === x && cell.concurrency === concurrency);
          return found === undefined ? null : averageOf(found.cell, figure);
        }),
      }),
    );
  });
  return { xs, series: series.filter(({ values }) => values.some((value) => value !== null)) };
}

export interface Row {
  readonly key: string;
  readonly run: Run;
  readonly cell: Cell;
  /** Tokens per second against those of the first run for the same question; null: there is none to compare with. */
  readonly ratio: number | null;
}

export function rowsOf(runs: readonly Run[]): readonly Row[] {
  const first = runs[0]?.report?.cells ?? [];
  return runs.flatMap((run, index) =>
    (run.report?.cells ?? []).map((cell): Row => {
      const same = first.find(
        (other) => other.promptLength === cell.promptLength && other.concurrency === cell.concurrency,
      );
      const [own, theirs] = [averageOf(cell, 'tokensPerSecond'), same && averageOf(same, 'tokensPerSecond')];
      const isComparable = index > 0 && own !== null && theirs !== null && theirs !== undefined && theirs > 0;
      return {
        key: `${run.id} ${cell.promptLength} ${cell.concurrency}`,
        run,
        cell,
        ratio: isComparable ? own / theirs : null,
      };
    }),
  );
}
