// How we speak to a person at a terminal: data on stdout, everything else on stderr, colours only where they are wanted.
// It must never prompt when stdin is not a terminal.
import { SingleBar } from 'cli-progress';
import { sizeText } from '../base/size.ts';
import { environment } from '../config/load.ts';

const wantsColour = (stream: NodeJS.WriteStream): boolean => {
  const env = environment();
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
};

const paint =
  (open: number, close: number) =>
  (text: string, stream: NodeJS.WriteStream = process.stdout): string =>
    wantsColour(stream) ? `\u001b[${open}m${text}\u001b[${close}m` : text;

export const bold = paint(1, 22);
export const dim = paint(2, 22);
export const red = paint(31, 39);
export const green = paint(32, 39);
export const yellow = paint(33, 39);

export const isInteractive = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true;

/** Data for people or pipes. */
export const print = (text: string): void => void process.stdout.write(`${text}\n`);
/** Data for programs: one JSON document and a line's end. */
export const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
/** Takes the progress bar off the terminal while one stands there. */
let hideBar: (() => void) | null = null;

/** What is going on; never data. A progress bar gives way and comes back by itself. */
export function tell(text: string): void {
  hideBar?.();
  process.stderr.write(`${text}\n`);
}

/** `1.9 GiB`, `512 MiB`, `unknown`. */
export const bytesText = (bytes: number | null | undefined): string =>
  bytes === null || bytes === undefined ? 'unknown' : sizeText(bytes);

/** `35 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined) return 'unknown';
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** `4.7B`, `350M`, `12K`. */
export function countText(count: number | null | undefined): string {
  if (count === null || count === undefined) return 'unknown';
  for (const [size, letter] of [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(count / size < 10 ? 1 : 0)}${letter}`;
  }
  return String(count);
}

/** Columns padded to their widest cell; the last one is left ragged. Widths count what is seen, colours not. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head.map((cell) => bold(cell)), ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => Bun.stringWidth(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - Bun.stringWidth(cell)),
      )
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

export interface ProgressLine {
  update(stage: string, doneBytes: number, totalBytes: number | null): void;
  stop(): void;
}

/** How far something has come, in words. */
type AmountWords = (done: number, total: number | null) => string;

const byteWords: AmountWords = (done, total) =>
  total === null ? (done > 0 ? bytesText(done) : '') : `${bytesText(done)} of ${bytesText(total)}`;

/**
 * A bar on a terminal, JSON lines with `--json`, a line per stage elsewhere. Bytes, with speed and time left, unless
 * other words are given for what is counted.
 */
export function progressLine(asJson: boolean, amountOf: AmountWords = byteWords): ProgressLine {
  let lastStage = '';
  let lastAt = 0;
  if (asJson) {
    return {
      update: (stage, doneBytes, totalBytes) => {
        const isLast = totalBytes !== null && doneBytes >= totalBytes;
        if (stage === lastStage && !isLast && Date.now() - lastAt < 200) return;
        lastStage = stage;
        lastAt = Date.now();
        process.stderr.write(`${JSON.stringify({ stage, doneBytes, totalBytes })}\n`);
      },
      stop: () => undefined,
    };
  }
  if (process.stderr.isTTY !== true) {
    return {
      update: (stage) => {
        if (stage !== lastStage) tell(`  ${stage}`);
        lastStage = stage;
      },
      stop: () => undefined,
    };
  }
  let bar: SingleBar | null = null;
  let begin = { at: 0, bytes: 0 };
  const wordsOf = (stage: string, done: number, total: number | null): Record<string, string> => ({
    stage,
    amount: amountOf(done, total),
    pace: amountOf === byteWords ? paceWords(done, total, begin) : '',
  });
  const stop = (): void => {
    bar?.stop();
    bar = null;
    hideBar = null;
  };
  return {
    update: (stage, doneBytes, totalBytes) => {
      const total = Math.max(1, totalBytes ?? doneBytes);
      if (stage !== lastStage) {
        stop();
        lastStage = stage;
        begin = { at: Date.now(), bytes: doneBytes };
      }
      if (bar === null) {
        bar = new SingleBar({
          stream: process.stderr,
          format: '  {stage} {bar} {amount}{pace}',
          barCompleteChar: '=',
          barIncompleteChar: '-',
          barsize: 24,
          hideCursor: true,
          clearOnComplete: true,
        });
        bar.start(total, doneBytes, wordsOf(stage, doneBytes, totalBytes));
        hideBar = stop;
      }
      bar.setTotal(total);
      bar.update(doneBytes, wordsOf(stage, doneBytes, totalBytes));
    },
    stop,
  };
}

/** Speed and time left; empty while too little has come. */
function paceWords(
  doneBytes: number,
  totalBytes: number | null,
  begin: { readonly at: number; readonly bytes: number },
): string {
  const milliseconds = Date.now() - begin.at;
  // What was there before is no measure of speed.
  const gained = doneBytes - begin.bytes;
  if (milliseconds < 300 || gained <= 0) return '';
  const speed = (gained * 1000) / milliseconds;
  const left = totalBytes === null ? '' : `  ${durationText(((totalBytes - doneBytes) * 1000) / speed)} left`;
  return `  ${bytesText(speed)}/s${left}`;
}
