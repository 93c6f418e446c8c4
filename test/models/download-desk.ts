// Downloads over a folder of their own, for tests: every change is noted, and a test can wait for one.
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { openStore, type Store } from '../../src/base/store.ts';
import {
  DOWNLOADS_MIGRATION,
  type DownloadJob,
  type Downloads,
  type DownloadsOptions,
  openDownloads,
} from '../../src/models/downloads.ts';
import type { FakeHub } from '../fixtures/hub/server.ts';

export interface Desk extends AsyncDisposable {
  readonly data: string;
  readonly folder: string;
  readonly downloads: Downloads;
  readonly log: Log;
  /** Every change that was told, oldest first. */
  readonly changes: DownloadJob[];
  /** Jobs that were introduced. */
  readonly introduced: DownloadJob[];
  /** The job as soon as `holds` of it; now, if it does already. */
  until(id: string, holds: (job: DownloadJob) => boolean): Promise<DownloadJob>;
  ended(id: string): Promise<DownloadJob>;
  /** Closes and opens again, as a restart does. */
  reopen(more?: Partial<DownloadsOptions>): Promise<void>;
  /** Files below the folder, with `/`. */
  files(): string[];
  /** All bytes of the store and its companions, as Latin-1. */
  storeText(): string;
}

const hasEnded = (job: DownloadJob): boolean => ['finished', 'failed', 'cancelled'].includes(job.state);

export async function openDesk(
  hub: FakeHub,
  options: Partial<DownloadsOptions> = {},
  given: string | null = null,
): Promise<Desk> {
  const data = given ?? realpathSync(mkdtempSync(join(tmpdir(), 'drover-downloads-')));
  const folder = join(data, 'models');
  const log = new Log({ level: 'debug' });
  const changes: DownloadJob[] = [];
  const introduced: DownloadJob[] = [];
  const waiting = new Set<() => void>();
  let store: Store;
  let downloads: Downloads;

  const open = (more: Partial<DownloadsOptions>): void => {
    store = openStore(join(data, 'drover.sqlite'), [DOWNLOADS_MIGRATION]);
    downloads = openDownloads({
      store,
      log,
      folder,
      allowedHosts: () => hub.hosts,
      endpoint: hub.url,
      token: () => null,
      patience: { retries: 1, retryDelayMs: 1, stallTimeoutMs: 5000 },
      retryPausesMs: [],
      onFinished: async (job) => {
        introduced.push(job);
      },
      ...options,
      ...more,
      onChange: (job) => {
        changes.push(job);
        for (const look of [...waiting]) look();
      },
    });
  };
  open({});

  const until = (id: string, holds: (job: DownloadJob) => boolean): Promise<DownloadJob> =>
    new Promise((resolve) => {
      const look = (): void => {
        const job = downloads.list().find((entry) => entry.id === id);
        if (job === undefined || !holds(job)) return;
        waiting.delete(look);
        resolve(job);
      };
      waiting.add(look);
      look();
    });

  return {
    data,
    folder,
    log,
    changes,
    introduced,
    until,
    get downloads() {
      return downloads;
    },
    ended: (id) => until(id, hasEnded),
    reopen: async (more = {}) => {
      await downloads.close();
      store[Symbol.dispose]();
      open(more);
    },
    files: () =>
      (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [])
        .filter((entry) => !entry.isDirectory())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
        .sort(),
    storeText: () =>
      readdirSync(data)
        .filter((name) => name.startsWith('drover.sqlite'))
        .map((name) => readFileSync(join(data, name), 'latin1'))
        .join('\n'),
    [Symbol.asyncDispose]: async () => {
      hub.relent();
      await downloads.close();
      store[Symbol.dispose]();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
