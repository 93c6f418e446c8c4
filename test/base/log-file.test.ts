import { expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { openLogFile } from '../../src/base/log-file.ts';

test('lines reach the disk in order, and the file turns over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-log-'));
  try {
    const path = join(folder, 'deep', 'drover.log');
    const file = openLogFile(path, { maxBytes: 2000, keep: 2 });
    const log = new Log({ sinks: [file.sink] });
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 10; index += 1) log.info(`line ${round * 10 + index}`, { unicode: 'ünï' });
      await file.flush();
    }
    const names = readdirSync(join(folder, 'deep')).sort();
    expect(names.length).toBeLessThanOrEqual(3);
    const all = names
      .toReversed()
      .flatMap((name) =>
        readFileSync(join(folder, 'deep', name), 'utf8')
          .trim()
          .split('\n'),
      )
      .map((line) => JSON.parse(line).message);
    expect(all.at(-1)).toBe('line 49');
    expect(all).toEqual([...all].sort((left, right) => Number(left.slice(5)) - Number(right.slice(5))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
