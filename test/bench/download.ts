// Measures a verified download side by side with curl, which verifies nothing: same file, same server, same disk, turn by
// turn. The file lies in memory where the system has /dev/shm, so that no disk is measured.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, median } from './measure.ts';

const FILE_BYTES = 1024 * 1024 * 1024;
const ROUNDS = 9;
const CHILD = join(import.meta.dir, '../fixtures/downloading-child.ts');
const SERVER = join(import.meta.dir, '../fixtures/file-server.ts');

interface ChildReport {
  readonly sha256: string;
  readonly spentMs: number;
  readonly cpuMs: number;
  readonly extraBytes: number;
  readonly gapsMs: readonly number[];
}

/** Random bytes, so that nothing on the way can be clever. Returns their SHA-256. */
async function fill(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256');
  const file = await open(path, 'w');
  try {
    for (let at = 0; at < FILE_BYTES; at += 65536) {
      const bytes = crypto.getRandomValues(new Uint8Array(65536));
      hash.update(bytes);
      await file.write(bytes);
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function output(argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${argv[0]} failed`);
  return text;
}

const mibPerSecond = (milliseconds: number): number => FILE_BYTES / 1024 / 1024 / (milliseconds / 1000);

export async function benchDownload(): Promise<Figure[]> {
  const curl = Bun.which('curl');
  if (curl === null) {
    process.stderr.write('download: left out, since there is no curl here to compare with\n');
    return [];
  }
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'drover-bench-download-'));
  const source = join(folder, 'source.gguf');
  const target = join(folder, 'target.gguf');
  const sha256 = await fill(source);
  const server = Bun.spawn([process.execPath, SERVER, source], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
  try {
    const { value } = await server.stdout.getReader().read();
    const url = `http://127.0.0.1:${Number(new TextDecoder().decode(value))}/model`;
    const curlOnce = async (): Promise<number> => {
      rmSync(target, { force: true });
      return Number(await output([curl, '-s', '-o', target, '-w', '%{time_total}', url])) * 1000;
    };
    const ourOnce = async (): Promise<ChildReport> => {
      rmSync(target, { force: true });
      return JSON.parse(await output([process.execPath, CHILD, url, target, sha256])) as ChildReport;
    };
    // The same work by the tools at hand: fetch, keep, digest.
    const openssl = Bun.which('openssl');
    const verifyingOnce = async (): Promise<number> => {
      rmSync(target, { force: true });
      const at = performance.now();
      const said = await output(['bash', '-c', `"${curl}" -s "${url}" | tee "${target}" | "${openssl}" dgst -sha256`]);
      if (!said.includes(sha256)) throw new Error(`openssl says ${said}`);
      return performance.now() - at;
    };
    // Once for nothing each: the system finds the memory for the file.
    await curlOnce();
    await ourOnce();
    const curlMs: number[] = [];
    const verifyingMs: number[] = [];
    const reports: ChildReport[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // Who comes first changes, so that neither always has the other's leavings.
      if (round % 2 === 0) curlMs.push(await curlOnce());
      reports.push(await ourOnce());
      if (round % 2 === 1) curlMs.push(await curlOnce());
      if (openssl !== null && round % 3 === 0) verifyingMs.push(await verifyingOnce());
    }
    const spentMs = median(reports.map((report) => report.spentMs));
    const ratios = reports.map(({ spentMs }, round) => ((curlMs[round] ?? Number.NaN) / spentMs) * 100);
    const spread = `${Math.min(...ratios).toFixed(0)} to ${Math.max(...ratios).toFixed(0)} %`;
    const speed = mibPerSecond(spentMs).toFixed(0);
    const curlSpread = `${mibPerSecond(Math.max(...curlMs)).toFixed(0)} to ${mibPerSecond(Math.min(...curlMs)).toFixed(0)}`;
    return [
      {
        name: 'download of 1 GiB with its digest, share of the speed of curl without',
        value: median(ratios),
        unit: '%',
        target: 95,
        direction: 'at_least',
        note: `${speed} MiB/s; curl ${mibPerSecond(median(curlMs)).toFixed(0)}, ${curlSpread}; rounds ${spread}`,
      },
      ...(verifyingMs.length === 0
        ? []
        : [
            {
              name: 'download of 1 GiB with its digest, share of the speed of curl, tee and openssl in a row',
              value: (median(verifyingMs) / spentMs) * 100,
              unit: '%',
              target: 95,
              direction: 'at_least' as const,
              note: `${mibPerSecond(median(verifyingMs)).toFixed(0)} MiB/s`,
            },
          ]),
      {
        name: 'download of 1 GiB, extra memory at the peak',
        value: Math.max(...reports.map(({ extraBytes }) => extraBytes)) / 1e6,
        unit: 'MB',
        target: 64,
      },
      {
        name: 'download of 1 GiB, longest sleep of the event loop, median of the rounds',
        value: median(reports.map(({ gapsMs }) => Math.max(...gapsMs))),
        unit: 'ms',
        target: 30,
      },
    ];
  } finally {
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) console.table(await benchDownload());
