// A ranking as both kinds of clients read it: the engine's `results`, as Jina's and Cohere's do, and beside it `data`, a
// list with the documents themselves, as ClaraCore's do. It must never touch what is no ranking of documents.
import { fieldOf } from '../../base/json-scan.ts';
import { INFERENCE_LIMIT_BYTES, readObject } from '../intake.ts';
import { type InferenceOptions, inferScanned, WANTED } from './inference.ts';

interface Ranked {
  readonly index?: unknown;
  readonly relevance_score?: unknown;
}

/** A POST with a query and documents. */
export async function inferRanking(options: InferenceOptions, request: Request): Promise<Response> {
  const scan = await readObject(request, [...WANTED, 'documents'], INFERENCE_LIMIT_BYTES);
  const response = await inferScanned(options, request, scan);
  const documents = fieldOf(scan, 'documents');
  if (!response.ok || !Array.isArray(documents)) return response;
  const text = await response.text();
  const { status, headers } = response;
  headers.delete('content-length');
  return new Response(withDocuments(text, documents), { status, headers });
}

function withDocuments(text: string, documents: readonly unknown[]): string {
  const answer = parsed(text);
  if (answer === null || !Array.isArray(answer.results) || answer.data !== undefined) return text;
  const data = (answer.results as readonly Ranked[]).map(({ index, relevance_score }) => ({
    index,
    relevance_score,
    document: typeof index === 'number' ? documents[index] : undefined,
  }));
  return JSON.stringify({ ...answer, data });
}

/** Another program than llama-server may answer anything. */
function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
