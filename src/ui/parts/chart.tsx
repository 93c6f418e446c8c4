// Charts by uPlot, in the page's colours, each with a table of the same figures for those who do not see it.
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { useTheme } from '../app/theme-choice.ts';
import { texts } from '../texts/index.ts';
import { Table } from './table.tsx';

export interface Series {
  readonly label: string;
  /** One for each x; null: not measured, a gap. */
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly label: string;
  readonly xLabel: string;
  readonly xs: readonly number[];
  readonly series: readonly Series[];
  readonly formatX?: (value: number) => string;
  readonly formatY?: (value: number) => string;
  readonly height?: number;
  readonly hasBars?: boolean;
}

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart(props: ChartProps) {
  const { label, xLabel, xs, series, formatX = String, formatY = String, height = 240, hasBars = false } = props;
  const frame = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read anew when the theme changes.
  useEffect(() => {
    const { current } = frame;
    if (current === null) return undefined;
    const draw = (): uPlot => {
      const ink = colour('--text-dim');
      const grid = { stroke: colour('--line'), width: 1 };
      const bars = uPlot.paths.bars?.({ size: [0.6, 64] });
      return new uPlot(
        {
          width: current.clientWidth,
          height,
          legend: { show: true, live: true },
          cursor: { y: false },
          scales: { x: { time: false } },
          axes: [
            {
              stroke: ink,
              grid,
              label: xLabel,
              labelSize: 24,
              splits: () => [...xs],
              values: (_, all) => all.map(formatX),
            },
            { stroke: ink, grid, size: 64, values: (_, all) => all.map(formatY) },
          ],
          series: [
            { label: xLabel, value: (_, value) => (value === null ? '–' : formatX(value)) },
            ...series.map((one, index) => ({
              label: one.label,
              stroke: colour(`--series-${(index % 8) + 1}`),
              width: 2,
              points: { size: 7 },
              value: (_: uPlot, value: number | null) => (value === null ? '–' : formatY(value)),
              ...(hasBars && bars !== undefined ? { paths: bars, fill: colour(`--series-${(index % 8) + 1}`) } : {}),
            })),
          ],
        },
        [[...xs], ...series.map(({ values }) => [...values])],
        current,
      );
    };
    let plot = draw();
    const resized = new ResizeObserver(() => plot.setSize({ width: current.clientWidth, height }));
    resized.observe(current);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => {
      plot.destroy();
      plot = draw();
    };
    dark.addEventListener('change', redraw);
    return () => {
      dark.removeEventListener('change', redraw);
      resized.disconnect();
      plot.destroy();
    };
  }, [theme, xs, series, height, xLabel, formatX, formatY, hasBars]);
  return (
    <figure className="chart" aria-label={label}>
      <div ref={frame} aria-hidden style={{ minHeight: height }} />
      <details>
        <summary>{texts.parts.chartAsTable}</summary>
        <Table label={label} head={[xLabel, ...series.map((one) => one.label)]}>
          {xs.map((x, row) => (
            <tr key={x}>
              <th scope="row">{formatX(x)}</th>
              {series.map((one) => {
                const value = one.values[row] ?? null;
                return <td key={one.label}>{value === null ? texts.parts.unknown : formatY(value)}</td>;
              })}
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  );
}
