// Ollama's store: manifests that name blobs. Blobs are used in place under the names that Ollama gives them. A manifest is somebody
// else's file: nothing in it may name a path, only a digest.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FoundFile, findFile } from './found-file.ts';
import { trimRepository } from './names.ts';

const MODEL = 'application/vnd.ollama.image.model';
const PROJECTOR = 'application/vnd.ollama.image.projector';
const ADAPTER = 'application/vnd.ollama.image.adapter';
const DIGEST = /^sha256[:-]([0-9a-f]{64})$/;
const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_MANIFESTS = 5000;
/** `registry/namespace/…/name/tag`; registries with long namespaces exist. */
const MAX_DEPTH = 8;

interface Found {
  readonly files: readonly FoundFile[];
  readonly notes: readonly string[];
}

/** True for a folder that is laid out as Ollama's models folder. */
export const isOllamaFolder = (entryNames: ReadonlySet<string>): boolean =>
  entryNames.has('manifests') && entryNames.has('blobs');

/** The models of the manifests under `root/manifests`; what cannot be used is noted. */
export async function readOllamaFolder(root: string, signal: AbortSignal | undefined): Promise<Found> {
  const notes: string[] = [];
  const files: FoundFile[] = [];
  const manifests = await listManifests(join(root, 'manifests'), notes, signal);
  for (const segments of manifests) {
    signal?.throwIfAborted();
    const names = ollamaNames(segments);
    const [name] = names;
    if (name === undefined) continue;
    const manifestPath = join(root, 'manifests', ...segments);
    try {
      const layers = layersOf(await readManifest(manifestPath));
      const outcome = blobsOf(layers);
      if (typeof outcome === 'string') {
        if (outcome !== '') notes.push(`Ollama's ${name}: ${outcome}`);
        continue;
      }
      const blob = (hex: string): string => join(root, 'blobs', `sha256-${hex}`);
      const group = join(root, 'manifests', ...segments.slice(0, -1));
      const fileName = fileNameFor(segments);
      const file = await findFile(blob(outcome.model), {
        origin: 'ollama',
        group,
        repository: repositoryOf(segments),
        name: fileName,
        givenNames: names,
        projectorPath: outcome.projector === null ? null : blob(outcome.projector),
      });
      if (file !== null) files.push(file);
      if (outcome.projector === null) continue;
      const projector = await findFile(blob(outcome.projector), {
        origin: 'ollama',
        group,
        repository: null,
        name: `mmproj-${fileName}`,
      });
      if (projector !== null) files.push(projector);
    } catch (thrown) {
      notes.push(`Ollama's ${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }
  return { files, notes };
}

/** `registry.ollama.ai library llama3.2 3b` → `llama3.2:3b`; `latest` may be left out, other registries and namespaces may not. */
export function ollamaNames(segments: readonly string[]): string[] {
  const tag = segments.at(-1);
  const name = segments.at(-2);
  const [registry] = segments;
  if (tag === undefined || name === undefined || registry === undefined || segments.length < 3) return [];
  const namespaces = segments.slice(1, -2);
  const isLibrary = namespaces.length === 1 && namespaces[0] === 'library';
  const short = isLibrary ? name : [...namespaces, name].join('/');
  const full = registry === 'registry.ollama.ai' ? short : `${registry}/${short}`;
  return tag === 'latest' ? [`${full}:latest`, full] : [`${full}:${tag}`];
}

/** A file name to make an id from; blobs have none: `llama3.2-3b.gguf`. */
function fileNameFor(segments: readonly string[]): string {
  const tag = segments.at(-1) ?? '';
  const name = trimRepository(segments.at(-2) ?? '');
  return tag === 'latest' ? `${name}.gguf` : `${name}-${tag}.gguf`;
}

/** Models that Ollama took from Hugging Face keep their repository's name. */
const repositoryOf = (segments: readonly string[]): string | null =>
  /^(hf\.co|huggingface\.co)$/i.test(segments[0] ?? '') ? segments.slice(1, -1).join('/') : null;

async function listManifests(
  root: string,
  notes: string[],
  signal: AbortSignal | undefined,
): Promise<readonly (readonly string[])[]> {
  const found: string[][] = [];
  const queue: string[][] = [[]];
  for (let segments = queue.shift(); segments !== undefined; segments = queue.shift()) {
    signal?.throwIfAborted();
    try {
      const entries = await readdir(join(root, ...segments), { withFileTypes: true });
      entries.sort((left, right) => (left.name < right.name ? -1 : 1));
      for (const entry of entries) {
        if (entry.name.startsWith('.')) continue;
        if (entry.isFile()) found.push([...segments, entry.name]);
        else if (entry.isDirectory() && segments.length < MAX_DEPTH) queue.push([...segments, entry.name]);
      }
    } catch (thrown) {
      notes.push(`Ollama's manifests in ${join(root, ...segments)} cannot be listed: ${String(thrown)}`);
    }
    if (found.length > MAX_MANIFESTS) {
      notes.push(`Ollama has more than ${MAX_MANIFESTS} manifests in ${root}; the others were left out.`);
      return found.slice(0, MAX_MANIFESTS);
    }
  }
  return found;
}

async function readManifest(path: string): Promise<unknown> {
  if ((await stat(path)).size > MAX_MANIFEST_BYTES) throw new Error('its manifest is too large.');
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (thrown) {
    throw thrown instanceof SyntaxError ? new Error('its manifest is not JSON.') : thrown;
  }
}

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
}

function layersOf(manifest: unknown): readonly Layer[] {
  if (typeof manifest !== 'object' || manifest === null || !('layers' in manifest) || !Array.isArray(manifest.layers)) {
    return [];
  }
  return manifest.layers.flatMap((layer: unknown): Layer[] => {
    if (typeof layer !== 'object' || layer === null || !('mediaType' in layer) || !('digest' in layer)) return [];
    const { mediaType, digest } = layer;
    return typeof mediaType === 'string' && typeof digest === 'string' ? [{ mediaType, digest }] : [];
  });
}

/** The digests to use, or why there are none: a sentence, or nothing for what is no model of weights at all (cloud models). */
function blobsOf(layers: readonly Layer[]): { model: string; projector: string | null } | string {
  const ofType = (type: string): readonly string[] =>
    layers.filter((layer) => layer.mediaType === type).map((layer) => layer.digest);
  const models = ofType(MODEL);
  const [model] = models;
  if (model === undefined) return '';
  if (ofType(ADAPTER).length > 0) return 'it has an adapter, which would be left out; use Ollama for it.';
  const [projector = null] = ofType(PROJECTOR);
  const modelHex = DIGEST.exec(model)?.[1];
  const projectorHex = projector === null ? null : DIGEST.exec(projector)?.[1];
  if (modelHex === undefined || projectorHex === undefined) return 'its manifest names something that is no digest.';
  if (models.length > 1) return 'it has several files of weights, which only Ollama can join.';
  return { model: modelHex, projector: projectorHex };
}
