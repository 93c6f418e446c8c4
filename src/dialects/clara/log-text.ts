// The log as plain text, as ClaraCore's and llama-swap's users read it: ours (`proxy`), the engines' (`upstream`), one
// model's, or all. It ends when its reader leaves or the server stops.
import { formatLogLine } from '../../base/log.ts';
import type { Drover } from '../../core/drover.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';

/** Null: everything; `proxy`, `upstream`, or a model's id. */
export type LogChoice = string | null;

export interface LogTextOptions {
  readonly choice: LogChoice;
  readonly hasHistory: boolean;
  readonly isFollowed: boolean;
}

export async function* logText(
  drover: Pick<Drover, 'bus' | 'log'>,
  options: LogTextOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const after = drover.bus.lastSequence;
  if (options.hasHistory) yield history(drover, options.choice);
  if (!options.isFollowed) return;
  for await (const { event } of drover.bus.stream({ signal, after })) {
    if (event.type === 'server.stopping') return;
    const line = lineOf(event, options.choice);
    if (line !== null) yield line;
  }
}

function history({ bus, log }: Pick<Drover, 'bus' | 'log'>, choice: LogChoice): string {
  const own = log.recent().map((line) => ({ at: line.at, event: { type: 'log', line } as const }));
  const engines = bus.recent().filter(({ event }) => event.type === 'engine.output');
  return [...own, ...engines]
    .sort((left, right) => left.at - right.at)
    .map(({ event }) => lineOf(event, choice) ?? '')
    .join('');
}

function lineOf(event: DroverEvent, choice: LogChoice): string | null {
  if (event.type === 'log') return choice === null || choice === 'proxy' ? `${formatLogLine(event.line)}\n` : null;
  if (event.type !== 'engine.output') return null;
  return choice === null || choice === 'upstream' || choice === event.modelId ? `${event.line}\n` : null;
}
