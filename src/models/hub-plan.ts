// What is downloaded for a choice: each file's address, its place below the folder for downloads, its size and digest.
import { type HubAccess, inspectFile } from './hub-door.ts';
import { type HubChoices, type HubFile, projectorFor, type QuantChoice } from './hub-quants.ts';
import { partsOfAddress, resolveUrl } from './hub-reference.ts';
import { parseFileName } from './names.ts';

export type Gate = 'open' | 'auto' | 'manual';

/** As the hub's `gated` has it. */
export const gateOf = (gated: unknown): Gate =>
  gated === 'auto' || gated === 'manual' ? gated : gated === true ? 'auto' : 'open';

export interface HubListing {
  /** `owner/name` as the hub writes it now; repositories get renamed. */
  readonly repository: string;
  /** The commit that was listed; a branch's name where the hub does not tell. */
  readonly revision: string;
  /** `auto`: a licence must be accepted; `manual`: somebody must agree as well. */
  readonly gate: Gate;
  readonly isPrivate: boolean;
  readonly files: readonly HubFile[];
}

export interface PlannedFile {
  readonly url: string;
  /** Where it goes below the folder for downloads, with `/`: `owner/name/Q8_0/model.gguf`. */
  readonly path: string;
  readonly sizeBytes: number | null;
  readonly sha256: string | null;
}

export interface DownloadPlan {
  /** File name for people. */
  readonly name: string;
  /** Null: an address outside the hub. */
  readonly repository: string | null;
  readonly revision: string | null;
  readonly quantization: string | null;
  /** All parts, then the projector. */
  readonly files: readonly PlannedFile[];
  /** Null where a size is unknown. */
  readonly totalBytes: number | null;
}

/** The download of one choice of a listing, with its projector where there is one and it is wanted. Pure. */
export function planOf(
  listing: HubListing,
  choices: HubChoices,
  choice: QuantChoice,
  endpoint: string,
  takesProjector: boolean,
): DownloadPlan {
  const { repository, revision } = listing;
  const isModel = choices.quants.some((quant) => quant.tag === choice.tag);
  const projector = takesProjector && isModel ? projectorFor(choice, choices) : null;
  const files = [...choice.files, ...(projector === null ? [] : [projector])].map(
    (file): PlannedFile => ({
      url: resolveUrl(endpoint, repository, revision, file.path),
      path: `${repository}/${file.path}`,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
    }),
  );
  const first = choice.files[0]?.path ?? choice.tag;
  return {
    name: first.slice(first.lastIndexOf('/') + 1),
    repository,
    revision,
    quantization: choice.quantization,
    files,
    totalBytes: files.reduce((total, file) => total + (file.sizeBytes ?? 0), 0),
  };
}

/** A plain address, of all parts where it is one of a split file. */
export async function planOfAddress(address: string, access: HubAccess): Promise<DownloadPlan> {
  const files: PlannedFile[] = [];
  for (const part of partsOfAddress(address)) {
    const { url, sizeBytes, sha256 } = await inspectFile(part.url, access);
    files.push({ url, path: part.fileName, sizeBytes, sha256 });
  }
  const name = files[0]?.path ?? '';
  const isKnown = files.every((file) => file.sizeBytes !== null);
  const totalBytes = isKnown ? files.reduce((total, file) => total + (file.sizeBytes ?? 0), 0) : null;
  return { name, repository: null, revision: null, quantization: parseFileName(name).quantization, files, totalBytes };
}
