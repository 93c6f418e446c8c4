// The newest release and its archive, fetched and checked: signature, size, digest. It must never run anything.
import { join } from 'node:path';
import { Fault, toFault } from '../base/fault.ts';
import { downloadFile, fetchBytes } from '../base/http.ts';
import {
  folderOf,
  MANIFEST_NAME,
  type Manifest,
  type ReleaseArchive,
  readManifest,
  SIGNATURE_SUFFIX,
} from './manifest.ts';

export interface ReleaseSource {
  /** The folder that has the newest release's files. */
  readonly url: string;
  readonly keys: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

// Where GitHub's own addresses of assets lead to.
const GITHUB_HOSTS = ['github.com', 'objects.githubusercontent.com', 'release-assets.githubusercontent.com'];
const MANIFEST_BYTES_MAX = 1024 * 1024;
const SIGNATURE_BYTES_MAX = 1024;

/** Throws what `fetchBytes` and `readManifest` do. */
export async function newestRelease(source: ReleaseSource): Promise<Manifest> {
  const address = `${source.url.replace(/\/+$/, '')}/${MANIFEST_NAME}`;
  const options = { allowedHosts: hostsOf(source.url), signal: source.signal };
  try {
    const [manifest, signature] = await Promise.all([
      fetchBytes(address, { ...options, maxBytes: MANIFEST_BYTES_MAX }),
      fetchBytes(`${address}${SIGNATURE_SUFFIX}`, { ...options, maxBytes: SIGNATURE_BYTES_MAX }),
    ]);
    return readManifest(manifest.value ?? new Uint8Array(), signature.value ?? new Uint8Array(), source.keys);
  } catch (thrown) {
    throw unfound(toFault(thrown));
  }
}

/** Returns where it lies. What was fetched before a cut is not fetched again. */
export async function fetchArchive(
  source: ReleaseSource,
  manifest: Manifest,
  archive: ReleaseArchive,
  options: { readonly folder: string; readonly onProgress?: (doneBytes: number, totalBytes: number) => void },
): Promise<string> {
  const path = join(options.folder, archive.fileName);
  const address = `${folderOf(source.url, manifest.version)}/${archive.fileName}`;
  try {
    await downloadFile(address, path, {
      allowedHosts: hostsOf(source.url),
      sha256: archive.sha256,
      sizeBytes: archive.sizeBytes,
      signal: source.signal,
      onProgress: ({ doneBytes }) => options.onProgress?.(doneBytes, archive.sizeBytes),
    });
    return path;
  } catch (thrown) {
    throw unfound(toFault(thrown));
  }
}

/** A missing file there is not the caller's mistake. */
function unfound(fault: Fault): Fault {
  if (fault.kind !== 'not_found') return fault;
  return new Fault('bad_gateway', `There is no ${String(fault.details.url)}.`, {
    cause: fault,
    blame: 'remote',
    hint: 'A release may be in the making: try again in a while, or set updateUrl.',
  });
}

/** An address that a person has set may be of their own network, and without TLS: the signature is what counts. */
const hostsOf = (url: string): readonly string[] => [new URL(url).origin, ...GITHUB_HOSTS];
