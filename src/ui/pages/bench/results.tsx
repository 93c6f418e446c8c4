// The figures of the chosen runs: as charts, and side by side in a table.
import { TrendingDown, TrendingUp } from 'lucide-react';
import { duration, figure, size } from '../../format.ts';
import { Card } from '../../parts/card.tsx';
import { Chart } from '../../parts/chart.tsx';
import { Table } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';
import { averageOf, type Figure, nameOf, type Row, type Run, rowsOf, seriesOf } from './runs.ts';

const words = texts.bench;

const CHARTS: readonly (readonly [title: string, figure: Figure, format: (value: number) => string])[] = [
  [words.generation, 'tokensPerSecond', figure],
  [words.prompt, 'promptTokensPerSecond', figure],
  [words.first, 'firstPieceMs', duration],
];

export function Results({ runs }: { readonly runs: readonly Run[] }) {
  const rows = rowsOf(runs);
  const { column } = words;
  const isCompared = runs.length > 1;
  return (
    <>
      <div className="bench-charts">
        {CHARTS.map(([title, name, format]) => {
          const { xs, series } = seriesOf(runs, name);
          return series.length === 0 ? null : (
            <Card key={name} title={title} level={3}>
              <Chart
                label={title}
                xLabel={words.promptLength}
                xs={xs}
                series={series}
                formatY={format}
                hasBars={xs.length === 1}
              />
            </Card>
          );
        })}
      </div>
      <Card title={words.results}>
        <Table
          label={words.results}
          head={[
            column.run,
            column.prompt,
            column.concurrency,
            column.speed,
            ...(isCompared ? [column.ratio] : []),
            column.promptSpeed,
            column.first,
            column.p95,
            column.total,
            column.memory,
          ]}
        >
          {rows.map((row) => (
            <FigureRow key={row.key} row={row} isCompared={isCompared} />
          ))}
        </Table>
        {runs.flatMap((run) =>
          (run.report?.skipped ?? []).map(({ promptLength, reason }) => (
            <p key={`${run.id} ${promptLength}`} className="dim small">
              {words.skipped(String(promptLength ?? texts.parts.unknown), reason)}
            </p>
          )),
        )}
      </Card>
    </>
  );
}

function FigureRow({ row: { run, cell, ratio }, isCompared }: { readonly row: Row; readonly isCompared: boolean }) {
  return (
    <tr>
      <th scope="row">{nameOf(run)}</th>
      <td className="figures">{cell.promptLength ?? texts.parts.unknown}</td>
      <td className="figures">{cell.concurrency}</td>
      <td className="figures">{figure(averageOf(cell, 'tokensPerSecond'))}</td>
      {isCompared && <td className="figures">{ratio === null ? '' : <Ratio ratio={ratio} />}</td>}
      <td className="figures">{figure(averageOf(cell, 'promptTokensPerSecond'))}</td>
      <td className="figures">{duration(averageOf(cell, 'firstPieceMs'))}</td>
      <td className="figures">{duration(cell.firstPieceMs?.p95 ?? null)}</td>
      <td className="figures">{figure(cell.totalTokensPerSecond)}</td>
      <td className="figures">{size(cell.use.peakVideoBytes ?? cell.use.peakResidentBytes)}</td>
    </tr>
  );
}

/** By sign, word and colour. */
function Ratio({ ratio }: { readonly ratio: number }) {
  const isBetter = ratio >= 1;
  return (
    <span className={isBetter ? 'bench-better' : 'bench-worse'}>
      {isBetter ? <TrendingUp size={14} aria-hidden /> : <TrendingDown size={14} aria-hidden />}
      {words.ratio(ratio.toFixed(2))}
      <span className="only-read">{isBetter ? words.better : words.worse}</span>
    </span>
  );
}
