// Downloads as every page knows them: which are open, how far, begun and steered from anywhere.
import type { Download } from '../api/answers.ts';
import { post, remove } from '../api/client.ts';
import { adopt, keys, queryClient } from '../api/queries.ts';

const GOES_ON: ReadonlySet<Download['state']> = new Set(['queued', 'downloading', 'verifying', 'paused', 'failed']);

/** Those that are not over, or went wrong: somebody must see them. */
export const openDownloads = (downloads: readonly Download[]): Download[] =>
  downloads.filter(({ state }) => GOES_ON.has(state));

/** 0–1; null where the size is not known. */
export const ratioOf = (doneBytes: number, totalBytes: number | null): number | null =>
  totalBytes === null || totalBytes <= 0 ? null : Math.min(1, doneBytes / totalBytes);

const note = (job: Download): void =>
  adopt<readonly Download[]>(keys.downloads, (known = []) =>
    known.some(({ id }) => id === job.id) ? known.map((other) => (other.id === job.id ? job : other)) : [job, ...known],
  );

/** `owner/name`, `owner/name:QUANT` or an address; `folder` null: where the server puts downloads. */
export async function startDownload(reference: string, folder: string | null = null): Promise<Download> {
  const job = await post<Download>('/drover/downloads', { reference, ...(folder === null ? {} : { folder }) });
  note(job);
  return job;
}

export async function steerDownload(id: string, verb: 'pause' | 'resume' | 'cancel'): Promise<void> {
  note(await post<Download>(`/drover/downloads/${encodeURIComponent(id)}/${verb}`));
}

/** Takes one that is over off the list; its files stay. */
export async function forgetDownload(id: string): Promise<void> {
  await remove(`/drover/downloads/${encodeURIComponent(id)}`);
  await queryClient.invalidateQueries({ queryKey: keys.downloads });
}
