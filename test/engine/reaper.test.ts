import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { startKeyOf } from '../../src/engine/process-table.ts';
import { Reaper } from '../../src/engine/reaper.ts';

const sleeper = (environment: Record<string, string> = {}): Bun.Subprocess =>
  Bun.spawn(['sleep', '600'], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'ignore', 'ignore'],
    detached: true,
  });

async function inFolder(work: (folder: string, reaper: Reaper) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-reaper-'));
  try {
    await work(folder, new Reaper(folder, new Log()));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const records = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.json'));

test('what an earlier run recorded and what still runs is ended, once', async () => {
  await inFolder(async (folder, reaper) => {
    const orphan = sleeper();
    try {
      reaper.record(orphan.pid, 'tiny');
      expect(records(folder)).toEqual([`${orphan.pid}.json`]);
      expect(new Reaper(folder, new Log()).reap()).toEqual([orphan.pid]);
      await orphan.exited;
      expect(orphan.signalCode).toBe('SIGKILL');
      expect(records(folder)).toEqual([]);
      expect(new Reaper(folder, new Log()).reap()).toEqual([]);
    } finally {
      orphan.kill('SIGKILL');
    }
  });
});

test('a process that has got an old number is left alone', async () => {
  await inFolder(async (folder, reaper) => {
    const stranger = sleeper();
    try {
      reaper.record(stranger.pid, 'tiny');
      const path = join(folder, `${stranger.pid}.json`);
      const record = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify({ ...record, startKey: `${record.startKey}0` }));
      expect(new Reaper(folder, new Log()).reap()).toEqual([]);
      expect(startKeyOf(stranger.pid)).not.toBeNull();
      expect(records(folder)).toEqual([]);
    } finally {
      stranger.kill('SIGKILL');
      await stranger.exited;
    }
    expect(startKeyOf(stranger.pid)).toBeNull();
  });
});

test.if(process.platform === 'linux')(
  'what carries our mark is ended without a record, the mark of another folder is respected',
  async () => {
    await inFolder(async (folder, reaper) => {
      await inFolder(async (_, other) => {
        const ours = sleeper(reaper.marker);
        const theirs = sleeper(other.marker);
        try {
          expect(new Reaper(folder, new Log()).reap()).toEqual([ours.pid]);
          await ours.exited;
          expect(startKeyOf(theirs.pid)).not.toBeNull();
        } finally {
          ours.kill('SIGKILL');
          theirs.kill('SIGKILL');
          await theirs.exited;
        }
      });
    });
  },
);

test.if(process.platform === 'linux')('its own children are left alone, with and without a record', async () => {
  await inFolder(async (folder, reaper) => {
    const [recorded, forked, orphan] = [sleeper(reaper.marker), sleeper(reaper.marker), sleeper()];
    try {
      reaper.record(recorded.pid, 'ours');
      new Reaper(folder, new Log()).record(orphan.pid, 'theirs');
      await reaper.reapFully(5000);
      expect([recorded, forked, orphan].map(({ pid }) => startKeyOf(pid) !== null)).toEqual([true, true, false]);
      expect(records(folder)).toEqual([`${recorded.pid}.json`]);
    } finally {
      for (const child of [recorded, forked, orphan]) child.kill('SIGKILL');
      await Promise.all([recorded.exited, forked.exited, orphan.exited]);
    }
  });
});

test('broken records, records of nobody and of process 1 are dropped', async () => {
  await inFolder(async (folder, reaper) => {
    writeFileSync(join(folder, '7.json'), 'not json');
    writeFileSync(join(folder, '8.json'), JSON.stringify({ pid: 1, startKey: startKeyOf(1) ?? 'x', name: 'init' }));
    writeFileSync(join(folder, '9.json'), JSON.stringify({ pid: -1, startKey: 'x', name: 'all' }));
    writeFileSync(join(folder, 'notes.txt'), 'kept');
    expect(reaper.reap()).toEqual([]);
    expect(records(folder)).toEqual([]);
    expect(existsSync(join(folder, 'notes.txt'))).toBe(true);
  });
});

test('a child that ended is forgotten', async () => {
  await inFolder(async (folder, reaper) => {
    const child = sleeper();
    reaper.record(child.pid, 'tiny');
    child.kill('SIGKILL');
    await child.exited;
    reaper.forget(child.pid);
    reaper.forget(child.pid);
    expect(records(folder)).toEqual([]);
  });
});
