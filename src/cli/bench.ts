// `drover bench MODEL`: measures a model on the running server, or on one of its own for that time, and shows it as a table.
// An interrupt ends the benchmark and leaves nothing behind.
import { Fault } from '../base/fault.ts';
import type { BenchProgress, BenchReport } from '../core/bench.ts';
import type { CellReport } from '../core/bench-sample.ts';
import type { Measured } from '../core/test-sessions.ts';
import { faultOfError, findServer, jsonLines, type ServerClient, type WireError } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { bytesText, dim, durationText, print, printJson, progressLine, table, tell } from './terminal.ts';

interface BenchLine extends Partial<BenchProgress> {
  readonly measured?: Measured;
  readonly error?: WireError;
}

export const bench: Run = async (call) => {
  const body = bodyOf(call);
  const running = await findServer(call.config.paths);
  if (running !== null) return measure(call, running, body);
  const { startQuietly } = await import('./serve.ts');
  await using server = await startQuietly(call);
  return await measure(call, server.client, body);
};

function bodyOf(call: Call) {
  const [model] = call.words;
  if (typeof model !== 'string' || model === '')
    throw new Fault('bad_request', 'Which model? "drover list" shows them.');
  const { promptLengths, concurrency, tokens, runs, save } = call.options;
  return {
    model,
    promptLengths: countsIn('--prompt-lengths', promptLengths),
    concurrencies: countsIn('--concurrency', concurrency),
    tokens: countsIn('--tokens', tokens)?.[0],
    runs: countsIn('--runs', runs)?.[0],
    save,
  };
}

/** `128,512`; undefined where it is not given. */
function countsIn(flag: string, given: unknown): number[] | undefined {
  if (given === undefined) return undefined;
  const words = String(given).split(',');
  if (words.every((word) => /^\s*[1-9]\d{0,6}\s*$/.test(word))) return [...new Set(words.map(Number))];
  throw new Fault('bad_request', `${flag} takes whole numbers such as 1,4, not "${String(given)}".`);
}

async function measure(call: Call, client: ServerClient, body: ReturnType<typeof bodyOf>): Promise<number> {
  const { compare } = call.options;
  // Before anything is measured: it would be a pity afterwards.
  const former =
    compare === undefined ? null : await client.get<Measured>(`/drover/bench/${encodeURIComponent(String(compare))}`);
  const measured = await follow(call, client, body);
  const { report, runId } = measured;
  if (call.isJson) printJson({ ...measured, ...(former === null ? {} : { compared: former }) });
  else {
    print(headLine(report));
    print(cellTable(report, former?.report ?? null));
    for (const { reason } of report.skipped) tell(dim(`  not measured: ${reason}`, process.stderr));
    if (former !== null)
      tell(dim(`  in brackets: times what ${String(compare)} had (${headLine(former.report)})`, process.stderr));
    if (runId !== null) tell(`Kept as ${String(body.save)} (${runId}).`);
  }
  return 0;
}

const STAGES: Readonly<Record<BenchProgress['stage'], string>> = {
  waiting: 'waiting for another benchmark',
  loading: 'loading',
  warming_up: 'warming up',
  measuring: 'measuring',
};

async function follow(call: Call, client: ServerClient, body: object): Promise<Measured> {
  const response = await client.send('POST', '/drover/bench?stream=true', body, call.signal);
  const progress = progressLine(call.isJson, (done) => `${Math.round(done)} %`);
  try {
    for await (const line of jsonLines<BenchLine>(response)) {
      if (line.error !== undefined) throw faultOfError(line.error, 'bad_gateway');
      if (line.measured !== undefined) return line.measured;
      if (line.stage !== undefined) progress.update(STAGES[line.stage], (line.ratio ?? 0) * 100, 100);
    }
  } finally {
    progress.stop();
  }
  call.signal.throwIfAborted();
  throw new Fault('unavailable', 'The server broke the benchmark off.');
}

function headLine({ modelId, loadMs, wasLoaded, contextTokens, slotCount }: BenchReport): string {
  const parts = [
    loadMs === null ? 'load time unknown' : `loaded in ${durationText(loadMs)}${wasLoaded ? ' (before)' : ''}`,
    contextTokens === null ? null : `context ${contextTokens} tokens`,
    slotCount === null ? null : `${slotCount} slot${slotCount === 1 ? '' : 's'}`,
  ];
  return `${modelId}: ${parts.filter((part) => part !== null).join(', ')}`;
}

const HEAD = ['PROMPT', 'AT ONCE', 'FIRST TOKEN', 'PROMPT T/S', 'GENERATION T/S', 'TOGETHER T/S', 'MEMORY', 'VRAM'];

function cellTable(report: BenchReport, former: BenchReport | null): string {
  return table(
    HEAD,
    report.cells.map((cell) => {
      const before = former?.cells.find((candidate) => isAlike(candidate, cell)) ?? null;
      const figure = (pick: (of: CellReport) => number | null, text: (value: number) => string): string =>
        figureText(pick(cell), before === null ? null : pick(before), text);
      return [
        cell.promptLength === null ? dim('—') : String(cell.promptLength),
        String(cell.concurrency),
        figure(({ firstPieceMs }) => firstPieceMs?.p50 ?? null, firstText),
        figure(({ promptTokensPerSecond }) => promptTokensPerSecond?.average ?? null, speedText),
        figure(({ tokensPerSecond }) => tokensPerSecond?.average ?? null, speedText),
        figure(({ totalTokensPerSecond }) => totalTokensPerSecond, speedText),
        figure(({ use }) => use.peakResidentBytes, bytesText),
        figure(({ use }) => use.peakVideoBytes, bytesText),
      ];
    }),
  );
}

const isAlike = (left: CellReport, right: CellReport): boolean =>
  left.promptLength === right.promptLength && left.concurrency === right.concurrency;

const speedText = (value: number): string => value.toFixed(1);
const firstText = (milliseconds: number): string =>
  milliseconds < 100 ? `${milliseconds.toFixed(1)} ms` : durationText(milliseconds);

function figureText(value: number | null, before: number | null, text: (value: number) => string): string {
  if (value === null) return dim('—');
  return before === null || before <= 0 ? text(value) : `${text(value)} (×${(value / before).toFixed(2)})`;
}
