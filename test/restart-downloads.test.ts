// Downloads and a hard restart, on the compiled executable: what is under way goes on in the new process, and what is asked
// for meanwhile waits for it.
import { expect, test } from 'bun:test';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './fixtures/drover.ts';
import { startHub } from './fixtures/hub/server.ts';
import { startLine } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

interface Job {
  readonly id: string;
  readonly state: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  readonly files: readonly { readonly path: string }[];
}

function hasEnded(frame: string): boolean {
  const data = /^data: ?(.*)$/m.exec(frame)?.[1];
  const event = data === undefined ? {} : (JSON.parse(data) as { readonly type?: string; readonly job?: Job });
  return event.type === 'download.changed' && /finished|failed/.test(event.job?.state ?? '');
}

test('a download goes on over a restart, nothing of it is fetched twice, and its model answers', async () => {
  const content = tinyLlama({ name: 'Moved', blockCount: 40, contextTokens: 256 });
  await using hub = await startHub({ repositories: [{ id: 'owner/name', files: [{ path: 'moved.gguf', content }] }] });
  using models = temporaryFolder('restart-models');
  writeFileSync(join(models.path, 'here.gguf'), tinyLlama({ name: 'Here' }));
  await using line = await startLine({
    modelsFolders: [models.path],
    environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
  });
  const { first } = line;
  await first.waitForLine(/engine ready/);
  const half = Math.floor(content.length / 2);
  hub.misbehave({ matches: ({ host }) => host === 'cdn', times: 1, stallAfterBytes: half });
  const stalled = hub.nextStall();
  const { id } = await first.json<Job>('/drover/downloads', { reference: hub.resolve('owner/name', 'moved.gguf') });
  await stalled;
  // What has come is on its way to the disk.
  const isHalfThere = async (): Promise<boolean> =>
    (await first.json<{ downloads: Job[] }>('/drover/downloads')).downloads.some(
      (job) => job.doneBytes > half - 300_000,
    );
  while (!(await isHalfThere())) await Bun.sleep(5);

  const restarting = line.restart();
  // Asked while the process changes: one of the two answers, none refuses.
  const [paused] = await Promise.all([first.json<Job>(`/drover/downloads/${id}/pause`, {}), restarting]);
  expect(paused.state).toBe('paused');
  const { downloads } = await first.json<{ downloads: Job[] }>('/drover/downloads');
  expect(downloads.map((job) => [job.id, job.state])).toEqual([[id, 'paused']]);
  const before = hub.requests.filter(({ host }) => host === 'cdn').length;
  await first.json<Job>(`/drover/downloads/${id}/resume`, {});

  const events = await first.request('/drover/events?after=0');
  const decoder = new TextDecoder();
  let seen = '';
  for await (const chunk of events.body ?? []) {
    seen += decoder.decode(chunk, { stream: true });
    const frames = seen.split('\n\n');
    seen = frames.pop() ?? '';
    if (frames.some(hasEnded)) break;
  }
  const [job] = (await first.json<{ downloads: Job[] }>('/drover/downloads')).downloads;
  expect(job).toMatchObject({ state: 'finished', doneBytes: content.length });
  expect(statSync(job?.files[0]?.path ?? '').size).toBe(content.length);
  const again = hub.requests.filter(({ host }) => host === 'cdn').slice(before);
  // From where the first process stopped.
  expect(again.reduce((sum, request) => sum + request.sentBytes, 0)).toBeLessThan(content.length - half + 300_000);
  const chat = await first.json<{ choices: unknown[] }>('/v1/chat/completions', {
    model: 'moved',
    messages: [{ role: 'user', content: 'the water' }],
    max_tokens: 4,
  });
  expect(chat.choices.length).toBe(1);
});
