// The log as LlamaHome's clients ask for it and read it. It must never take a question that makes no sense for another one.
import { Fault } from '../../base/fault.ts';
import type { LogLevel, LogLine } from '../../base/log.ts';
import type { LogSearch } from '../../core/log-search.ts';
import { isoTime } from './shape.ts';

export const logToWire = (line: LogLine) => ({
  timestamp: isoTime(line.at),
  level: line.level,
  source: line.source,
  message: line.message,
  ...(Object.keys(line.fields).length === 0 ? {} : { fields: line.fields }),
});

const MOST_LINES = 100_000;
const USUAL_LINES = 100;
const LEVELS: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
};

const nonsense = (field: string, message: string): Fault => new Fault('bad_request', message, { details: { field } });

/** Throws `bad_request` for what makes no sense. */
export function toLogSearch(query: URLSearchParams, isFollowed: boolean): LogSearch {
  const word = query.get('level')?.toLowerCase() ?? '';
  const level = word === '' ? null : Object.hasOwn(LEVELS, word) ? (LEVELS[word] ?? null) : null;
  if (word !== '' && level === null) throw nonsense('level', '"level" must be debug, info, warn or error.');
  const count = query.get('limit') ?? '';
  if (count !== '' && (!/^\d{1,6}$/.test(count) || Number(count) > MOST_LINES)) {
    throw nonsense('limit', `"limit" must be a whole number from 0 to ${MOST_LINES}.`);
  }
  const fromMs = timeIn(query, 'start_time');
  const untilMs = timeIn(query, 'end_time');
  if (fromMs !== null && untilMs !== null && fromMs > untilMs) {
    throw nonsense('end_time', '"end_time" is before "start_time".');
  }
  if (isFollowed && untilMs !== null) throw nonsense('end_time', 'What is followed has no "end_time".');
  return { level, limit: count === '' ? USUAL_LINES : Number(count), fromMs, untilMs, isFollowed };
}

const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** Without a zone it is UTC. A plus in a query that nobody encoded comes as a blank. */
function timeIn(query: URLSearchParams, field: string): number | null {
  const text = query.get(field)?.trim() ?? '';
  if (text === '') return null;
  const mended = text.replace(/ (?=\d\d:?\d\d$)/, (blank, at: number) => (at > 10 ? '+' : blank));
  const zone = TIME.exec(mended);
  const iso = mended.replace(' ', 'T').replace(',', '.');
  const epochMs = zone === null ? Number.NaN : Date.parse(zone[1] === undefined && iso.includes('T') ? `${iso}Z` : iso);
  if (Number.isNaN(epochMs)) throw nonsense(field, `"${field}" must be a time as in 2026-01-02T03:04:05Z.`);
  return epochMs;
}
