// The seam between the readers and the machine: files, folders, programs, native libraries. Tests put recorded or
// transcribed machines behind it. It must never throw: what is not there is null, an empty list or a stated failure.
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, realpath, statfs } from 'node:fs/promises';
import * as os from 'node:os';
import { dirname } from 'node:path';
import { findTool, runTool, type ToolOptions, type ToolResult } from './gpu-tool.ts';
import { type NativeSignatures, type OpenedLibrary, openNativeLibrary } from './native.ts';
import type { Snapshot } from './probe.ts';
import { type SurveyedHost, type SurveyedTraffic, surveyHost, surveyTraffic } from './survey.ts';

/** A value and what could not be read on the way to it, in sentences for `doctor`. */
export interface Reading<T> {
  readonly value: T;
  readonly notes: readonly string[];
}

/** What `systeminformation` knows of one display adapter; it is asked only where nothing better answers. */
export interface SurveyedAdapter {
  readonly vendor: string;
  readonly model: string;
  /** MiB as that library reports it. */
  readonly vram: number | null;
  readonly driverVersion?: string;
}

export interface System {
  readonly platform: Snapshot['system']['platform'];
  readonly arch: Snapshot['system']['arch'];
  /** As `uname -r` prints it. */
  readonly kernel: string | null;
  /** The text of a file, or null when it cannot be read. */
  readText(path: string): Promise<string | null>;
  /** As `readText`, without leaving the thread: for files of /proc in a hot loop. */
  readTextSync(path: string): string | null;
  /** The bytes of a file, or null when it cannot be read. */
  readBytes(path: string): Promise<Uint8Array | null>;
  /** The path without links, of `path` or of its nearest existing parent. */
  realPath(path: string): Promise<string>;
  /** Names in a folder, sorted; empty when there is none. */
  listFolder(path: string): Promise<readonly string[]>;
  listFolderSync(path: string): readonly string[];
  /** The first absolute candidate that exists, else what PATH gives, else null. */
  findTool(name: string, candidates: readonly string[]): string | null;
  run(argv: readonly string[], options: ToolOptions): Promise<ToolResult>;
  openLibrary(candidates: readonly string[], signatures: NativeSignatures): OpenedLibrary;
  /** Bytes of the file system that holds `path`, or its nearest existing parent. */
  diskSpace(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number } | null>;
  hostMemory(): { readonly totalBytes: number; readonly freeBytes: number };
  processors(): readonly {
    readonly model: string;
    readonly speedMhz: number;
    readonly busyMs: number;
    readonly idleMs: number;
  }[];
  availableThreads(): number;
  /** Since the machine started, as well as the runtime knows it. */
  uptimeMs(): number;
  /** Loads `systeminformation` on first use: slow, and it starts processes. */
  surveyAdapters(): Promise<readonly SurveyedAdapter[]>;
  /** As `surveyAdapters`: what macOS and Windows tell of firmware, memory modules and drives. */
  surveyHost(): Promise<SurveyedHost | null>;
  surveyTraffic(): Promise<readonly SurveyedTraffic[]>;
}

const platformOf = (name: string): System['platform'] =>
  name === 'linux' || name === 'darwin' || name === 'win32' ? name : 'other';
const archOf = (name: string): System['arch'] => (name === 'x64' || name === 'arm64' ? name : 'other');

const namesOf = (entries: readonly (string | Dirent)[]): string[] =>
  entries.map((entry) => (typeof entry === 'string' ? entry : entry.name)).sort();

// Nothing here may wait on this thread: on a dead network mount it would wait for good, whatever deadline the caller set.
async function ofExisting<T>(path: string, ask: (part: string) => Promise<T>): Promise<T | null> {
  for (let part = path; ; part = dirname(part)) {
    try {
      return await ask(part);
    } catch (thrown) {
      const isAbsent = /^(ENOENT|ENOTDIR|EACCES)$/.test((thrown as NodeJS.ErrnoException).code ?? '');
      if (!isAbsent || dirname(part) === part) return null;
    }
  }
}

/** The machine that we run on. */
export const thisSystem: System = {
  platform: platformOf(process.platform),
  arch: archOf(process.arch),
  kernel: os.release() || null,
  readText: (path) => readFile(path, 'utf8').catch(() => null),
  readTextSync(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return null;
    }
  },
  readBytes: (path) => readFile(path).catch(() => null),
  realPath: async (path) => (await ofExisting(path, (part) => realpath(part))) ?? path,
  listFolder: (path) => readdir(path).then(namesOf, () => []),
  listFolderSync(path) {
    try {
      return namesOf(readdirSync(path));
    } catch {
      return [];
    }
  },
  findTool,
  run: runTool,
  openLibrary: openNativeLibrary,
  diskSpace: (path) =>
    ofExisting(path, async (part) => {
      const facts = await statfs(part);
      return { totalBytes: facts.blocks * facts.bsize, freeBytes: facts.bavail * facts.bsize };
    }),
  hostMemory: () => ({ totalBytes: os.totalmem(), freeBytes: os.freemem() }),
  processors: () =>
    os.cpus().map(({ model, speed, times }) => ({
      model,
      speedMhz: speed,
      busyMs: times.user + times.nice + times.sys + times.irq,
      idleMs: times.idle,
    })),
  availableThreads: () => os.availableParallelism(),
  uptimeMs: () => os.uptime() * 1000,
  async surveyAdapters() {
    try {
      const { graphics } = await import('systeminformation');
      return (await graphics()).controllers.map(({ vendor, model, vram, driverVersion }) => ({
        vendor,
        model,
        vram,
        ...(driverVersion === undefined ? {} : { driverVersion }),
      }));
    } catch {
      return [];
    }
  },
  surveyHost,
  surveyTraffic,
};
