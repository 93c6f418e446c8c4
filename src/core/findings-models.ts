// What the models say: folders that cannot be read, files that cannot be used, the same file twice, loads that came out
// otherwise than planned.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { toFault } from '../base/fault.ts';
import { sha256OfFile } from '../base/file-sha256.ts';
import { sizeText } from '../base/size.ts';
import type { Library } from '../models/library.ts';
import { PROBE_ID } from '../models/names.ts';
import type { Drover, ModelView } from './drover.ts';
import { type Finding, finding } from './finding.ts';

export interface ModelSources {
  readonly drover: Pick<Drover, 'rescan' | 'models'>;
  readonly library: Pick<Library, 'summary'>;
}

export async function* modelFindings({ drover, library }: ModelSources): AsyncGenerator<Finding, void, void> {
  try {
    await drover.rescan();
  } catch (thrown) {
    yield finding('error', 'models-unread', 'models', toFault(thrown).message);
  }
  for (const { path, status, error } of library.summary()?.folders ?? []) {
    if (status !== 'unreadable') continue;
    yield finding('warning', 'folder-unreadable', 'models', `${path} cannot be read: ${error ?? 'no reason told'}`, {
      hint: 'Let the user that Drover runs as read it, or take it off the list of folders.',
      subject: path,
      evidence: [error ?? path],
    });
  }
  const models = drover.models();
  const usableCount = models.filter((model) => model.failure === null && model.id !== PROBE_ID).length;
  yield usableCount === 0
    ? finding('warning', 'models-none', 'models', 'There is no model to use yet.', {
        hint: 'Bring one with "drover pull OWNER/NAME", or choose one:',
        command: 'drover run',
      })
    : finding('ok', 'models-usable', 'models', `${usableCount} usable models.`);
  for (const { id, failure, path, sizeBytes } of models) {
    if (failure === null) continue;
    yield finding('warning', 'model-broken', 'models', `${id}: ${failure}`, {
      hint: path,
      subject: id,
      evidence: [
        ...(path === null ? [] : [path]),
        ...(sizeBytes === null || sizeBytes === 0 ? [] : [sizeText(sizeBytes)]),
      ],
    });
  }
  yield* loadFindings(models);
  yield* twiceFindings(models);
}

/** Loads that came out otherwise than planned; `drover ps` tells the whole verdict. */
function* loadFindings(models: readonly ModelView[]): Generator<Finding, void, void> {
  for (const { id, instance } of models) {
    const verdict = instance?.verdict ?? null;
    if (verdict === null || verdict.outcome === 'as_planned') continue;
    const lines = verdict.findings.map(({ message }) => message);
    yield finding('warning', 'model-degraded', 'models', `${id} is not loaded as planned.`, {
      hint: verdict.findings[0]?.hint ?? null,
      subject: id,
      evidence: lines.length > 0 ? lines : [verdict.outcome],
      command: 'drover ps',
    });
  }
}

const SAMPLE_BYTES = 256 * 1024;

/** The same content at two places: of the same size, and the same at beginning and end. */
function* twiceFindings(models: readonly ModelView[]): Generator<Finding, void, void> {
  const bySize = Map.groupBy(
    models.filter(({ path, sizeBytes, failure }) => path !== null && sizeBytes !== null && failure === null),
    ({ sizeBytes }) => sizeBytes ?? 0,
  );
  for (const [sizeBytes, alike] of bySize) {
    if (alike.length < 2) continue;
    for (const [mark, same] of Map.groupBy(alike, ({ path }) => markOf(path ?? '', sizeBytes))) {
      const paths = [...new Set(same.map(({ path }) => path ?? ''))];
      if (mark === null || paths.length < 2) continue;
      yield finding('note', 'model-twice', 'models', `${same[0]?.id} lies on disk ${paths.length} times.`, {
        hint: `One of them is enough; each takes ${sizeText(sizeBytes)}.`,
        subject: same[0]?.id ?? null,
        evidence: paths,
      });
    }
  }
}

function markOf(path: string, sizeBytes: number): string | null {
  const length = Math.min(SAMPLE_BYTES, sizeBytes);
  const buffer = Buffer.alloc(length);
  try {
    const descriptor = openSync(path, 'r');
    try {
      const hash = createHash('sha256');
      for (const position of [0, sizeBytes - length]) {
        hash.update(buffer.subarray(0, readSync(descriptor, buffer, 0, length, position)));
      }
      return hash.digest('hex');
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

/** A file that was downloaded, as it was published. */
export interface PublishedFile {
  readonly path: string;
  readonly sizeBytes: number | null;
  /** Lower-case hex; null: nobody published one. */
  readonly sha256: string | null;
}

/**
 * Downloads that are not any more what was published: of another size, or, where `isDeep`, of another digest, for which all of
 * them are read. Those that are gone are nobody's concern.
 */
export async function* alteredFindings(
  files: readonly PublishedFile[],
  isDeep: boolean,
  signal?: AbortSignal,
): AsyncGenerator<Finding, void, void> {
  for (const { path, sizeBytes, sha256 } of files) {
    signal?.throwIfAborted();
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) continue;
    const isResized = sizeBytes !== null && found.size !== sizeBytes;
    const digest = isDeep && !isResized && sha256 !== null ? await sha256OfFile(path) : null;
    if (!isResized && (digest === null || digest === sha256)) continue;
    yield finding('error', 'model-altered', 'models', `${path} is not what was downloaded.`, {
      hint: 'Delete it and fetch it again, unless you have changed it yourself.',
      subject: path,
      evidence: isResized
        ? [`${found.size} bytes, and ${sizeBytes} were published`]
        : [`SHA-256 ${digest}`, `${sha256} was published`],
    });
  }
}
