// How tests ask LlamaHome's routes: JSON out, JSON back, streams frame by frame, and what the engine was really asked.
import type { RunningDrover } from '../fixtures/drover.ts';

export interface Said {
  readonly status: number;
  readonly json: unknown;
  readonly headers: Headers;
}

export async function post(
  drover: RunningDrover,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Said> {
  const answer = await drover.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return said(answer);
}

export const get = async (drover: RunningDrover, path: string, headers: Readonly<Record<string, string>> = {}) =>
  said(await drover.request(path, { headers }));

async function said(answer: Response): Promise<Said> {
  const text = await answer.text();
  let json: unknown = text;
  try {
    json = JSON.parse(text);
  } catch {
    // The text is what there is to see.
  }
  return { status: answer.status, json, headers: answer.headers };
}

type Frame = Record<string, unknown>;

/** All lines of a stream of JSON. */
export async function framesOf(answer: Response): Promise<Frame[]> {
  const text = await answer.text();
  if (answer.headers.get('content-type')?.startsWith('application/x-ndjson') !== true) throw new Error(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Frame);
}

/** The first line of a stream; the rest stays unread. */
export async function readLine(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes('\n')) {
    const next = await reader?.read();
    if (next === undefined || next.done) throw new Error(`no line: ${text}`);
    text += decoder.decode(next.value, { stream: true });
  }
  return text;
}

/** What the engine's busiest slot was asked last. */
export async function slotsOf(drover: RunningDrover, model: string): Promise<Frame> {
  const slots = await drover.json<{ is_processing: boolean; params?: Frame }[]>(`/upstream/${model}/slots`);
  const used = slots.filter((slot) => slot.params !== undefined);
  const slot = used.find((candidate) => candidate.is_processing) ?? used[0];
  const rounded = Object.entries(slot?.params ?? {}).map(([name, value]) => [
    name,
    typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value,
  ]);
  return { ...Object.fromEntries(rounded), is_processing: slots.some((candidate) => candidate.is_processing) };
}
