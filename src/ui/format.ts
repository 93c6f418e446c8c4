// Amounts and times for people. Unknown (null) is always said as such, never as zero. Pure: the time comes in.
import { texts } from './texts/index.ts';

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** `1.9 GiB`, `512 MiB`; of 1024, as the command line says it. */
export function size(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return texts.parts.unknown;
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 || value >= 100 ? String(Math.round(value)) : value.toFixed(1);
  return `${bytes < 0 ? '−' : ''}${text} ${SIZE_UNITS[unit]}`;
}

export const rate = (bytesPerSecond: number | null | undefined): string =>
  bytesPerSecond === null || bytesPerSecond === undefined
    ? texts.parts.unknown
    : texts.times.perSecond(size(bytesPerSecond));

/** `12,345`. */
export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? texts.parts.unknown : number.format(value);

/** `7.1B`, `135M`: parameters, downloads. */
export function compact(value: number | null | undefined): string {
  if (value === null || value === undefined) return texts.parts.unknown;
  for (const [limit, suffix] of [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= limit)
      return `${value / limit >= 100 ? Math.round(value / limit) : Number((value / limit).toFixed(1))}${suffix}`;
  }
  return String(Math.round(value));
}

/** Context lengths: `32k`, `1M`, `512`; of 1024 where that is whole. */
export function context(tokens: number | null | undefined): string {
  if (tokens === null || tokens === undefined) return texts.parts.unknown;
  if (tokens >= 1024 * 1024 && tokens % (1024 * 1024) === 0) return `${tokens / 1024 / 1024}M`;
  if (tokens >= 1024 && tokens % 1024 === 0) return `${tokens / 1024}k`;
  return number.format(tokens);
}

/** What somebody typed: `8192`, `8k`, `1.5 M`, `12,000`; of 1024, as `context` says it. Null: no whole number. */
export function countOf(text: string): number | null {
  const [, digits = '', unit = ''] = /^\s*(\d[\d,]*(?:\.\d+)?)\s*([kKmM]?)\s*$/.exec(text) ?? [];
  const factor = { '': 1, k: 1024, m: 1024 * 1024 }[unit.toLowerCase()] ?? 1;
  const value = digits === '' ? Number.NaN : Number(digits.replaceAll(',', '')) * factor;
  return Number.isSafeInteger(value) ? value : null;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; below 10 ms `3.2 ms`. */
export function duration(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined || !Number.isFinite(milliseconds)) return texts.parts.unknown;
  const ms = Math.max(0, milliseconds);
  if (ms < 10) return `${oneDigit.format(ms)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${oneDigit.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const pair = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, 'h', minutes % 60, 'min');
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** `3 min ago`, `in 2 h`, `just now`; epoch milliseconds. */
export function relative(at: number | null | undefined, now: number): string {
  if (at === null || at === undefined) return texts.parts.never;
  const away = Math.abs(now - at);
  if (away < 5000) return texts.times.now;
  const text = duration(away < 60_000 ? away : Math.floor(away / 60_000) * 60_000).replace(/ (?:min|h|d) .*$/, (rest) =>
    // The larger unit alone is enough here.
    rest.slice(0, rest.indexOf(' ', 1)),
  );
  return at > now ? texts.times.in(text) : texts.times.ago(text);
}

/** In the reader's own zone and manner. */
export const when = (at: number | null | undefined): string =>
  at === null || at === undefined ? texts.parts.unknown : dateTime.format(at);

/** A ratio 0–1 as `43 %`. */
export const percent = (ratio: number | null | undefined): string =>
  ratio === null || ratio === undefined ? texts.parts.unknown : `${Math.round(ratio * 100)} %`;

/** `12.3` below 100, else whole. */
export const figure = (value: number | null | undefined): string =>
  value === null || value === undefined
    ? texts.parts.unknown
    : value >= 100
      ? number.format(value)
      : oneDigit.format(value);

export const tokensPerSecond = (value: number | null | undefined): string =>
  value === null || value === undefined ? texts.parts.unknown : texts.times.tokensPerSecond(figure(value));
