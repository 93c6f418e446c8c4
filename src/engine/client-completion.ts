// Asks a ready llama-server for a few tokens, to see that it answers at all. It must never be used for a user's request.
import { Fault } from '../base/fault.ts';

export interface ShortCompletion {
  readonly tokenCount: number;
  /** As the engine counted it; null where it does not say. */
  readonly tokensPerSecond: number | null;
}

/** Faults: `bad_gateway` where the answer is none, `cancelled` and `timeout` by the signal. */
export async function completeShortly(
  engine: { readonly baseUrl: string; readonly apiKey: string },
  tokenCount: number,
  signal: AbortSignal,
): Promise<ShortCompletion> {
  const response = await fetch(`${engine.baseUrl}/completion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${engine.apiKey}` },
    body: JSON.stringify({ prompt: 'Once upon a time', n_predict: tokenCount, ignore_eos: true, temperature: 0 }),
    redirect: 'manual',
    // An HTTP_PROXY of the user's is not for loopback.
    proxy: false,
    signal,
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Fault('bad_gateway', `it answered the probe with status ${response.status}: ${text.slice(0, 200)}`);
  }
  const answer = parse(text);
  const predicted = numberAt(answer, 'tokens_predicted') ?? numberAt(answer.timings, 'predicted_n');
  if (predicted === null || predicted < 1) throw new Fault('bad_gateway', 'it answered the probe without a token');
  return { tokenCount: predicted, tokensPerSecond: numberAt(answer.timings, 'predicted_per_second') };
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Fault('bad_gateway', 'it answered the probe with something that is not JSON');
}

function numberAt(value: unknown, key: string): number | null {
  if (typeof value !== 'object' || value === null) return null;
  const entry = (value as Record<string, unknown>)[key];
  return typeof entry === 'number' && Number.isFinite(entry) ? entry : null;
}
