// What a GGUF file on a server would be, read from its first megabytes, and what another quantization of it would be, estimated
// from that. It must never fetch more than its bound nor mix bytes of two versions of a file.
import { Fault } from '../base/fault.ts';
import { openUrl } from '../base/http.ts';
import { bareAddress } from '../base/http-hosts.ts';
import { abortFault, unreachable } from '../base/http-request.ts';
import { untilAborted } from '../base/sync.ts';
import { factsOf, type ModelFacts, mergeShards } from '../gguf/facts.ts';
import { GGUF_LIMITS, prefixSource, readHeader } from '../gguf/reader.ts';
import { faultAt, fileRequest, type HubAccess } from './hub-door.ts';

export interface RemoteFactsOptions extends HubAccess {
  /** What is asked for first; 1 MiB unless told. */
  readonly firstBytes?: number | undefined;
  /** The most of one file that is fetched; 64 MiB unless told. */
  readonly maxBytes?: number | undefined;
}

export interface RemoteFacts {
  /** Of a split model: of all its parts together. */
  readonly facts: ModelFacts;
  /** Bytes of files that came over the network. */
  readonly fetchedBytes: number;
  readonly requestCount: number;
}

const MIB = 1024 * 1024;
const FIRST_BYTES = MIB;
const MAX_BYTES = 64 * MIB;
/** Parts behind the first have a tensor table only. */
const PART_FIRST_BYTES = 256 * 1024;
/** Beyond what the reader asks for: a header that is longer than the prefix is rarely so by a little. */
const GROWTH = 4;
const PARTS_AT_ONCE = 4;
const STALL_MS = 30_000;

/**
 * Facts of a GGUF file by ranged requests. `addresses` are all parts of a split model, or one file: only the first part knows the
 * model, but each part alone knows its tensors, so a guess from the first would put whole layers at zero bytes.
 * Throws a Fault: `unprocessable` for what is no GGUF or has a longer header than the bound, `bad_gateway` where the file changes in between,
 * and as `openUrl` and `hubFault` do.
 */
export async function readRemoteFacts(addresses: readonly string[], options: RemoteFactsOptions): Promise<RemoteFacts> {
  const [first, ...others] = addresses;
  if (first === undefined) throw new Fault('bad_request', 'No address to read facts from.');
  const readings = [await readOne(first, options, options.firstBytes ?? FIRST_BYTES)];
  for (let at = 0; at < others.length; at += PARTS_AT_ONCE) {
    const batch = others.slice(at, at + PARTS_AT_ONCE);
    readings.push(...(await Promise.all(batch.map((address) => readOne(address, options, PART_FIRST_BYTES)))));
  }
  const [only] = readings;
  const facts =
    readings.length === 1 && only !== undefined ? only.facts : mergeShards(readings.map((reading) => reading.facts));
  return {
    facts,
    fetchedBytes: readings.reduce((total, reading) => total + reading.fetchedBytes, 0),
    requestCount: readings.reduce((total, reading) => total + reading.requestCount, 0),
  };
}

async function readOne(address: string, options: RemoteFactsOptions, firstBytes: number): Promise<RemoteFacts> {
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const fileName = nameOf(address);
  const prefix = new Prefix(address, options);
  let wanted = Math.min(firstBytes, maxBytes);
  for (;;) {
    await prefix.growTo(wanted);
    try {
      const source = prefixSource(prefix.bytes, prefix.sizeBytes);
      const facts = factsOf(readHeader(source, { ...GGUF_LIMITS, headerBytes: maxBytes }), {
        fileBytes: prefix.sizeBytes,
        fileName,
      });
      return { facts, fetchedBytes: prefix.bytes.length, requestCount: prefix.requestCount };
    } catch (thrown) {
      const needed = thrown instanceof Fault ? thrown.details.neededBytes : null;
      if (typeof needed !== 'number' || prefix.bytes.length >= Math.min(maxBytes, prefix.sizeBytes)) throw thrown;
      wanted = Math.min(maxBytes, prefix.sizeBytes, Math.max(needed, nextSize(prefix.bytes.length)));
    }
  }
}

/** 1, 4, 8, 16, 32, 64 MiB: few requests for a long vocabulary, and never much more than twice what it takes. */
const nextSize = (bytes: number): number => (bytes <= MIB ? bytes * GROWTH : bytes * 2);

/** The beginning of a remote file, as far as it was asked for. */
class Prefix {
  bytes: Uint8Array = new Uint8Array(0);
  sizeBytes = 0;
  requestCount = 0;
  #etag: string | null = null;

  constructor(
    private readonly address: string,
    private readonly options: HubAccess,
  ) {}

  async growTo(wanted: number): Promise<void> {
    const from = this.bytes.length;
    if (wanted <= from) return;
    const { signal } = this.options;
    const request = fileRequest(this.address, this.options);
    const { response, url } = await openUrl(this.address, {
      ...request,
      headers: { range: `bytes=${from}-${wanted - 1}` },
    });
    this.requestCount += 1;
    if (!response.ok) throw await faultAt(response, url, this.address, this.options);
    const { start, sizeBytes } = extentOf(response, url);
    const etag = response.headers.get('etag');
    const isSame = from === 0 || (sizeBytes === this.sizeBytes && etag === this.#etag);
    if (!isSame || (start !== 0 && start !== from)) {
      await response.body?.cancel().catch(() => undefined);
      throw new Fault('bad_gateway', `${bareAddress(url)} changed while it was read.`, {
        blame: 'remote',
        hint: 'Try again.',
      });
    }
    this.sizeBytes = sizeBytes;
    this.#etag = etag;
    const until = Math.min(wanted, sizeBytes);
    // A server that knows no ranges begins at the start again.
    const chunk = await readUpTo(response, until - start, url, signal);
    const added = chunk.subarray(from - start);
    this.bytes = from === 0 ? added : Buffer.concat([this.bytes, added]);
  }
}

function extentOf(response: Response, url: URL): { readonly start: number; readonly sizeBytes: number } {
  const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 206 && range !== null) return { start: Number(range[1]), sizeBytes: Number(range[2]) };
  const length = /^\d{1,15}$/.exec(response.headers.get('content-length') ?? '')?.[0];
  if (response.status === 200 && length !== undefined) return { start: 0, sizeBytes: Number(length) };
  void response.body?.cancel().catch(() => undefined);
  throw new Fault('bad_gateway', `${url.host} does not say how long ${bareAddress(url)} is.`, { blame: 'remote' });
}

/** Exactly `count` bytes of the body; whatever follows is dropped with its connection. */
async function readUpTo(
  response: Response,
  count: number,
  url: URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  try {
    while (size < count) {
      const stall = AbortSignal.timeout(STALL_MS);
      const ends = signal === undefined ? stall : AbortSignal.any([signal, stall]);
      const next = reader === undefined ? { done: true, value: undefined } : await untilAborted(reader.read(), ends);
      if (next.value !== undefined) {
        chunks.push(next.value);
        size += next.value.length;
      } else if (next.done) throw unreachable(url, `the connection ended after ${size} of ${count} bytes`);
    }
  } catch (thrown) {
    if (signal?.aborted === true) throw abortFault(signal, url);
    throw thrown instanceof Fault ? thrown : unreachable(url, thrown);
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
  return Buffer.concat(chunks).subarray(0, count);
}

function nameOf(address: string): string {
  const last = new URL(address).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/**
 * An estimate: the facts of the same model in another quantization, whose files take `toBytes`, from facts that were read of files of
 * `fromBytes`. Weights change in proportion, the header's length stays; everything else is the model's own. Quantizers give embeddings
 * and single layers other types than the rest, so each part may be off by some tenths while their sum is right.
 */
export function scaleFacts(facts: ModelFacts, fromBytes: number, toBytes: number, quantization: string): ModelFacts {
  const headerBytes = Math.max(0, fromBytes - facts.weightBytes);
  const hasRoom = facts.weightBytes > 0 && toBytes > headerBytes;
  const ratio = hasRoom ? (toBytes - headerBytes) / facts.weightBytes : fromBytes > 0 ? toBytes / fromBytes : 1;
  const scaled = (bytes: number): number => Math.round(bytes * ratio);
  return {
    ...facts,
    quantization,
    isQuantizationDerived: true,
    fileBytes: toBytes,
    weightBytes: scaled(facts.weightBytes),
    layers: facts.layers.map((layer) => ({
      ...layer,
      weightBytes: scaled(layer.weightBytes),
      expertBytes: scaled(layer.expertBytes),
      ...(layer.largestTensorBytes === undefined ? {} : { largestTensorBytes: scaled(layer.largestTensorBytes) }),
    })),
    tokenEmbeddingBytes: scaled(facts.tokenEmbeddingBytes),
    outputBytes: scaled(facts.outputBytes),
    otherBytes: scaled(facts.otherBytes),
    inputBytes: scaled(facts.inputBytes),
    split: null,
    tensorMix: [],
  };
}
