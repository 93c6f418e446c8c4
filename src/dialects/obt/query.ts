// What the queries of OBT's lists mean: pages, dates and lists, in the spellings that its clients use. Pure. It must never
// take for nothing what is wrong.
import { Fault } from '../../base/fault.ts';
import type { ResultQuery, SessionQuery } from '../../core/test-records.ts';
import { countIn } from '../intake.ts';
import { METRIC_NAMES, type MetricName } from './shape.ts';

export interface PageQuery {
  readonly page: number;
  readonly limit: number;
}

const PAGE_LIMIT = 200;
const LAST_PAGE = 1_000_000;
const TEXT_LIMIT = 1000;

/** Counted from 1. */
export const pageOf = (query: URLSearchParams, usual: number): PageQuery => ({
  page: countIn(query, 'page', 1, 1, LAST_PAGE),
  limit: countIn(query, 'limit', usual, 1, PAGE_LIMIT),
});

const offsetOf = ({ page, limit }: PageQuery): number => (page - 1) * limit;

/** `tags=a&tags=b`, `tags=a,b`, `tags[]=a`, `tags[0]=a`. */
function listOf(query: URLSearchParams, name: string): string[] {
  const values = [...query].flatMap(([key, value]) =>
    key === name || (key.startsWith(`${name}[`) && /^\[\d*\]$/.test(key.slice(name.length))) ? value.split(',') : [],
  );
  return [...new Set(values.map((value) => value.trim()).filter((value) => value !== ''))];
}

/** Null where it is absent or empty. */
function textIn(query: URLSearchParams, name: string): string | null {
  const text = query.get(name)?.trim() ?? '';
  if (text.length > TEXT_LIMIT) throw wrong(name, `${TEXT_LIMIT} characters at most`);
  return text === '' ? null : text;
}

export const sessionQuery = (query: URLSearchParams, page: PageQuery): SessionQuery => ({
  search: textIn(query, 'search'),
  tags: listOf(query, 'tags'),
  limit: page.limit,
  offset: offsetOf(page),
});

/** `modelId` is as the caller says it: it may be an alias. */
export function resultQuery(query: URLSearchParams, page: PageQuery): ResultQuery {
  const from = dateIn(query, 'start');
  const to = dateIn(query, 'end');
  if (from !== null && to !== null && from > to) throw wrong('dateRange', 'a start before its end');
  return {
    modelId: textIn(query, 'modelName'),
    hardware: textIn(query, 'hardwareConfig'),
    from,
    to,
    limit: page.limit,
    offset: offsetOf(page),
  };
}

/** Those that are wanted; empty: all. */
export const metricsIn = (query: URLSearchParams): MetricName[] =>
  listOf(query, 'metrics').map((name) => {
    const known = METRIC_NAMES.find((candidate) => candidate === name);
    if (known === undefined) throw wrong('metrics', `names among ${METRIC_NAMES.join(', ')}`);
    return known;
  });

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?$/;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Epoch milliseconds. A day without a time is the whole of it, in UTC. */
function dateIn(query: URLSearchParams, which: 'start' | 'end'): number | null {
  const field = `dateRange.${which}`;
  const text = textIn(query, `dateRange[${which}]`) ?? textIn(query, field);
  if (text === null) return null;
  // A plus in a query that nobody has encoded is a space.
  const spelled = text.replace(/ (?=\d{2}:?\d{2}$)/, '+').replace(' ', 'T');
  const isDay = DAY.test(spelled);
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/.test(spelled.slice(10));
  const at = isDay || TIME.test(spelled) ? Date.parse(isDay || hasZone ? spelled : `${spelled}Z`) : Number.NaN;
  if (Number.isNaN(at)) throw wrong(field, 'a date such as 2026-01-31 or 2026-01-31T12:00:00Z');
  return isDay && which === 'end' ? at + DAY_MS - 1 : at;
}

const wrong = (field: string, expected: string): Fault =>
  new Fault('bad_request', `"${field}" is not right: expected ${expected}.`, { details: { field } });
