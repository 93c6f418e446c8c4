// One request to one engine: which model, wait for a lease, pass the body on. It reads of a body only what it must
// (`model`, `stream`) and keeps every other byte as it came; a body is changed only where the model's entry says so.
import { Fault } from '../../base/fault.ts';
import { editFields, fieldOf, lengthOf, type ScannedObject, scanObject } from '../../base/json-scan.ts';
import type { RelayRequest } from '../../base/relay.ts';
import type { Upstream, UpstreamBody } from '../../base/upstream.ts';
import type { Drover, Lease } from '../../core/drover.ts';
import { relayOnLease } from '../../core/usage-relay.ts';
import { announcedLength, INFERENCE_LIMIT_BYTES, pathOf, readObject, restOf, targetOf } from '../intake.ts';
import { answerWhileLoading } from './cold-stream.ts';
import { intakeForm } from './multipart.ts';
import { failFrame } from './stream.ts';

export interface InferenceOptions {
  readonly drover: Drover;
  readonly upstream: Upstream;
  /** A streaming request that waits longer than this for its model gets its headers and comments; then its status is 200 whatever follows. */
  readonly silenceMs: number;
}

/** The fields of a body that are read. */
export const WANTED: readonly string[] = ['model', 'stream'];
/** No name is as long; an unknown one is repeated in the answer. */
const NAME_LIMIT = 1024;

/** A POST with a JSON object that names its model. */
export async function inferJson(options: InferenceOptions, request: Request): Promise<Response> {
  const startedAt = Date.now();
  return inferScanned(options, request, await readObject(request, WANTED, INFERENCE_LIMIT_BYTES), startedAt);
}

/** The same, its body read already with at least the `WANTED` fields. */
export async function inferScanned(
  options: InferenceOptions,
  request: Request,
  scan: ScannedObject,
  startedAt = Date.now(),
): Promise<Response> {
  const { signal } = request;
  const name = modelName(fieldOf(scan, 'model'));
  const send = (lease: Lease): Promise<Response> =>
    relayLeased(options, lease, request, startedAt, bodyFor(lease, scan), targetOf(request));
  if (fieldOf(scan, 'stream') !== true) return send(await options.drover.acquire(name, { signal }));
  return answerWhileLoading({
    path: pathOf(request),
    signal,
    silenceMs: options.silenceMs,
    acquire: (waiting) => options.drover.acquire(name, { signal: waiting }),
    send,
  });
}

/** A POST with a form (audio): read up to its `model` part, the rest passes as it comes. */
export async function inferForm(options: InferenceOptions, request: Request): Promise<Response> {
  const startedAt = Date.now();
  const form = await intakeForm(request, INFERENCE_LIMIT_BYTES);
  const lease = await acquireOrCancel(options.drover, form.model === '' ? null : form.model, request);
  return relayLeased(options, lease, request, startedAt, form.bodyFor(lease.upstreamModel), targetOf(request));
}

/** A GET of an engine's own page, such as `/props?model=…`. */
export async function askEngine(options: InferenceOptions, request: Request): Promise<Response> {
  const startedAt = Date.now();
  const name = new URL(request.url).searchParams.get('model');
  const lease = await options.drover.acquire(name === '' ? null : name, { signal: request.signal });
  return relayLeased(options, lease, request, startedAt, null, targetOf(request));
}

const UPSTREAM_PREFIX = '/upstream/';

/** Anything at all to one model's engine. Names may hold `/`: the longest known name wins. */
export async function passUpstream(options: InferenceOptions, request: Request): Promise<Response> {
  const startedAt = Date.now();
  const path = pathOf(request);
  const { name, rest } = splitUpstream(options.drover, path);
  const query = request.url.indexOf('?');
  const target = query === -1 ? rest : rest + request.url.slice(query);
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD' && request.body !== null;
  const body: UpstreamBody | null = hasBody
    ? { chunks: [], rest: request.body, lengthBytes: announcedLength(request, INFERENCE_LIMIT_BYTES) }
    : null;
  const lease = await acquireOrCancel(options.drover, name, request);
  return relayLeased(options, lease, request, startedAt, body, target);
}

function splitUpstream(drover: Drover, path: string): { readonly name: string; readonly rest: string } {
  const known = new Set(drover.models().flatMap((view) => [view.id, ...view.aliases]));
  for (let end = path.length; end > UPSTREAM_PREFIX.length; end = path.lastIndexOf('/', end - 1)) {
    const name = restOf(path.slice(0, end), UPSTREAM_PREFIX);
    if (known.has(name)) return { name, rest: path.slice(end) || '/' };
  }
  // No exact name: the core may still know it by another spelling, or says what is near.
  const slash = path.indexOf('/', UPSTREAM_PREFIX.length);
  const end = slash === -1 ? path.length : slash;
  const view = drover.model(restOf(path.slice(0, end), UPSTREAM_PREFIX));
  return { name: view.id, rest: path.slice(end) || '/' };
}

/** A body that nobody will read any more is cancelled, so that the connection is free. */
async function acquireOrCancel(drover: Drover, name: string | null, request: Request): Promise<Lease> {
  try {
    return await drover.acquire(name, { signal: request.signal });
  } catch (thrown) {
    if (request.body !== null && !request.body.locked) await request.body.cancel().catch(() => undefined);
    throw thrown;
  }
}

function modelName(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string' && value.length <= NAME_LIMIT) return value;
  if (typeof value === 'string') {
    throw new Fault('bad_request', `"model" is longer than ${NAME_LIMIT} characters.`, { details: { param: 'model' } });
  }
  throw new Fault('bad_request', '"model" must be a string.', { details: { param: 'model' } });
}

/** The body as the engine is to get it: the very bytes, but for the model's name and fields that the entry strips. */
function bodyFor(lease: Lease, scan: ScannedObject): UpstreamBody {
  const stripped = lease.strippedFields.filter((field) => field !== 'model');
  if (lease.upstreamModel === null && stripped.length === 0) {
    return { chunks: [scan.bytes], rest: null, lengthBytes: scan.bytes.byteLength };
  }
  const edits: Record<string, string | null> = {};
  for (const field of stripped) edits[field] = null;
  if (lease.upstreamModel !== null) edits.model = JSON.stringify(lease.upstreamModel);
  const chunks = editFields(scanObject(scan.bytes, Object.keys(edits)), edits);
  return { chunks, rest: null, lengthBytes: lengthOf(chunks) };
}

async function relayLeased(
  options: InferenceOptions,
  lease: Lease,
  request: Request,
  startedAt: number,
  body: UpstreamBody | null,
  target: string,
): Promise<Response> {
  const relayed: RelayRequest = {
    method: request.method,
    target: withoutKey(target),
    headers: request.headers,
    body,
    signal: request.signal,
  };
  const response = await relayOnLease(options.upstream, lease, relayed, {
    startedAt,
    waitedMs: Date.now() - startedAt,
    lastFrame: failFrame(pathOf(request)),
  });
  // The engine's own error goes on as it is; the header says whose it is.
  if (response.status >= 400) response.headers.set('x-drover-blame', 'engine');
  return response;
}

/** Our key is not for the engine's log. */
function withoutKey(target: string): string {
  const at = target.indexOf('?');
  if (at === -1 || !target.includes('api_key=', at)) return target;
  const kept = target
    .slice(at + 1)
    .split('&')
    .filter((pair) => !pair.startsWith('api_key='));
  return kept.length === 0 ? target.slice(0, at) : `${target.slice(0, at)}?${kept.join('&')}`;
}
