// Which backends suit a machine, best first, and why not the others; which CUDA a driver can run; which build is too old.
// Pure: it looks at nothing, it only judges what it is told.
import { BACKENDS, type Backend } from './build.ts';
import type { BuildRequest } from './sources/source.ts';

/** What a snapshot of the hardware must tell for the choice of a build. */
export interface MachineFacts {
  readonly platform: 'linux' | 'darwin' | 'win32' | 'other';
  readonly arch: 'x64' | 'arm64' | 'other';
  readonly gpus: readonly GpuFacts[];
}

export interface GpuFacts {
  readonly vendor: 'nvidia' | 'amd' | 'intel' | 'apple' | 'other';
  readonly driverVersion: string | null;
  /** NVIDIA, such as `8.9`. */
  readonly computeCapability: string | null;
  /** AMD, such as `gfx1100`. */
  readonly gfxTarget: string | null;
}

/** One step of the ladder. */
export interface Rung {
  readonly backend: Backend;
  /** False: it is listed only to say why it is not tried. */
  readonly isOffered: boolean;
  /** Why it is or is not tried, one sentence. */
  readonly reason: string;
  /** What to ask the sources for; null on a system for which nobody builds. */
  readonly request: BuildRequest | null;
  /** Changes when a failed rung deserves another try: the GPUs and their drivers. */
  readonly machineKey: string;
}

/**
 * The oldest build that we fetch or pick up from PATH. Below it a request can write out of bounds in the engine
 * (CVE-2026-21869, a negative `n_discard`, mended in April 2026) or end it (a huge one, mended in June 2026:
 * https://github.com/ggml-org/llama.cpp/pull/24786). b10000 is of July 2026.
 */
export const OLDEST_SAFE_BUILD = 10_000;

/** False only where the number is known and too small; forks and unnumbered builds are not judged. */
export const isSafeBuild = (buildNumber: number | null): boolean =>
  buildNumber === null || buildNumber >= OLDEST_SAFE_BUILD;

// ROCm targets that the released builds carry, in August 2026 (ROCm 7.14).
const ROCM_TARGETS: Readonly<Record<string, string>> = {
  linux:
    'gfx908 gfx90a gfx942 gfx950 gfx1010 gfx1011 gfx1012 gfx1030 gfx1031 gfx1032 gfx1033 gfx1034 gfx1035 gfx1036 gfx1100 gfx1101 gfx1102 gfx1150 gfx1151 gfx1152 gfx1200 gfx1201',
  win32:
    'gfx1010 gfx1011 gfx1012 gfx1030 gfx1031 gfx1032 gfx1033 gfx1034 gfx1035 gfx1036 gfx1100 gfx1101 gfx1102 gfx1103 gfx1150 gfx1151 gfx1152 gfx1153 gfx1200 gfx1201',
};

/** Toolkit → the oldest driver made for it (Linux, Windows); NVIDIA's CUDA release notes, table of toolkit drivers. */
const TOOLKIT_DRIVERS: readonly { readonly toolkit: string; readonly linux: string; readonly win32: string }[] = [
  { toolkit: '12.4', linux: '550.54.14', win32: '551.61' },
  { toolkit: '12.8', linux: '570.26', win32: '570.65' },
  { toolkit: '13.0', linux: '580.65.06', win32: '580.65' },
  { toolkit: '13.1', linux: '590.44', win32: '590.44' },
];

/** Compares dotted numbers: negative when `left` is older. Missing parts count as 0. */
export function compareVersions(left: string, right: string): number {
  const a = left.split(/[^0-9]+/).map(Number);
  const b = right.split(/[^0-9]+/).map(Number);
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How sure it is that a GPU runs a CUDA build. */
export interface CudaVerdict {
  readonly answer: 'yes' | 'perhaps' | 'no';
  readonly reason: string;
}

/**
 * Whether a build made with a CUDA toolkit (`12.8`, or only its major: `13`) runs on an NVIDIA GPU.
 * Any 12.x program runs on driver 525 and any 13.x program on 580, but only its native code does: what is in the build
 * as PTX is compiled by the driver, which must then be as new as the toolkit (seen as "device kernel image is invalid").
 * Native in llama.cpp's builds: 8.6, 8.9, from 12.8 on 12.0, from 12.9 on 12.1; PTX: 5.0–9.0, from 13 on 7.5–9.0.
 */
export function cudaVerdict(toolkit: string, gpu: GpuFacts, platform: 'linux' | 'win32'): CudaVerdict {
  const [major = 0, minor = null] = toolkit.split('.').map(Number);
  if (gpu.driverVersion === null) return { answer: 'no', reason: "NVIDIA's driver is not there" };
  const driver = nvidiaDriver(gpu.driverVersion);
  const floor = major >= 13 ? '580' : '525';
  if (compareVersions(driver, floor) < 0) {
    return { answer: 'no', reason: `driver ${driver} is older than ${floor}, which CUDA ${major} needs` };
  }
  const capability = gpu.computeCapability;
  if (capability === null) return { answer: 'perhaps', reason: 'the compute capability is not known' };
  const oldest = major >= 13 ? '7.5' : '5.0';
  if (compareVersions(capability, oldest) < 0) {
    return { answer: 'no', reason: `compute capability ${capability} is below the ${oldest} of CUDA ${major} builds` };
  }
  if (minor === null) return { answer: 'yes', reason: `driver ${driver} runs CUDA ${major}` };
  const isNewer = (version: string): boolean => compareVersions(toolkit, version) >= 0;
  const native = ['8.6', '8.9', ...(isNewer('12.8') ? ['12.0'] : []), ...(isNewer('12.9') ? ['12.1'] : [])];
  if (native.includes(capability)) {
    return { answer: 'yes', reason: `driver ${driver} runs CUDA ${toolkit} and the build has code for ${capability}` };
  }
  const needed = TOOLKIT_DRIVERS.findLast((row) => isNewer(row.toolkit) && row.toolkit.startsWith(`${major}.`));
  if (needed !== undefined && compareVersions(driver, needed[platform]) < 0) {
    return {
      answer: 'no',
      reason: `the build has no code for ${capability} and driver ${driver} is older than ${needed[platform]}, which must compile it`,
    };
  }
  if (needed?.toolkit === toolkit)
    return { answer: 'yes', reason: `driver ${driver} compiles CUDA ${toolkit} for ${capability}` };
  return {
    answer: 'perhaps',
    reason: `whether driver ${driver} compiles CUDA ${toolkit} for ${capability} is not known`,
  };
}

/** Windows itself writes 560.94 as `32.0.15.6094`: the last five digits count. */
const nvidiaDriver = (version: string): string =>
  version.replace(/^\d+\.\d+\.\d*(\d)\.(\d\d)(\d\d)$/, (_, first, second, third) => `${first}${second}.${third}`);

/** The verdict over all NVIDIA GPUs of a machine: the worst one counts, since one build serves them all. */
export function cudaVerdictForAll(
  toolkit: string,
  gpus: readonly GpuFacts[],
  platform: 'linux' | 'win32',
): CudaVerdict {
  const verdicts = gpus.filter((gpu) => gpu.vendor === 'nvidia').map((gpu) => cudaVerdict(toolkit, gpu, platform));
  return (
    verdicts.find((verdict) => verdict.answer === 'no') ??
    verdicts.find((verdict) => verdict.answer === 'perhaps') ??
    verdicts[0] ?? { answer: 'no', reason: 'there is no NVIDIA GPU' }
  );
}

/** CUDA majors that this machine can run, best first. */
export function cudaMajorsFor(machine: MachineFacts): number[] {
  if (machine.platform !== 'linux' && machine.platform !== 'win32') return [];
  const platform = machine.platform;
  const verdicts = [13, 12].map((major) => ({
    major,
    answer: cudaVerdictForAll(String(major), machine.gpus, platform).answer,
  }));
  // What is only possible comes last. Where nothing is sure, CUDA 12 knows more cards.
  const sure = verdicts.filter((verdict) => verdict.answer === 'yes');
  const possible = verdicts.filter((verdict) => verdict.answer === 'perhaps').reverse();
  return [...sure, ...possible].map((verdict) => verdict.major);
}

/** Names the GPUs and their drivers, so that what failed on them is tried again when they change. */
export const machineKeyOf = (machine: MachineFacts): string =>
  [
    `${machine.platform}-${machine.arch}`,
    ...machine.gpus.map((gpu) =>
      [gpu.vendor, gpu.driverVersion ?? '?', gpu.computeCapability ?? gpu.gfxTarget ?? ''].join(' ').trim(),
    ),
  ].join('; ');

/**
 * The backends to try on this machine, best first, followed by those that are not tried and why.
 * A setting other than `auto` gives that backend alone: whoever asks for CUDA shall not silently get a CPU.
 */
export function ladderFor(machine: MachineFacts, setting: Backend | 'auto'): Rung[] {
  const machineKey = machineKeyOf(machine);
  const judged = BACKENDS.map((backend) => ({ backend, ...judge(backend, machine) }));
  const wanted =
    setting === 'auto'
      ? judged
      : judged.map((entry) =>
          entry.backend === setting
            ? { ...entry, isOffered: true, reason: 'you asked for it' }
            : { ...entry, isOffered: false, reason: `you asked for ${setting}` },
        );
  const rungs = wanted.map((entry): Rung => {
    const request = requestFor(machine, entry.backend, setting);
    if (request !== null) return { ...entry, request, machineKey };
    return {
      ...entry,
      isOffered: false,
      reason: `nobody builds for ${machine.platform} ${machine.arch}`,
      request,
      machineKey,
    };
  });
  return [...rungs.filter((rung) => rung.isOffered), ...rungs.filter((rung) => !rung.isOffered)];
}

function requestFor(machine: MachineFacts, backend: Backend, setting: Backend | 'auto'): BuildRequest | null {
  if (machine.platform === 'other' || machine.arch === 'other') return null;
  const majors = backend === 'cuda' ? cudaMajorsFor(machine) : [];
  return {
    platform: machine.platform,
    arch: machine.arch,
    backend,
    // Asked for by name against our judgement: then any CUDA is a candidate, and the proof decides.
    cudaMajors: backend === 'cuda' && setting === 'cuda' && majors.length === 0 ? [13, 12] : majors,
    gpus: machine.gpus,
    version: null,
  };
}

function judge(backend: Backend, machine: MachineFacts): { readonly isOffered: boolean; readonly reason: string } {
  const yes = (reason: string) => ({ isOffered: true, reason });
  const no = (reason: string) => ({ isOffered: false, reason });
  const has = (vendor: GpuFacts['vendor']): boolean => machine.gpus.some((gpu) => gpu.vendor === vendor);
  const isApple = machine.platform === 'darwin';
  switch (backend) {
    case 'cuda': {
      if (isApple || !has('nvidia')) return no('there is no NVIDIA GPU');
      const majors = cudaMajorsFor(machine);
      if (majors.length > 0) return yes(`an NVIDIA GPU whose driver runs CUDA ${majors.join(' or ')}`);
      const platform = machine.platform === 'win32' ? 'win32' : 'linux';
      return no(cudaVerdictForAll('12', machine.gpus, platform).reason);
    }
    case 'rocm': {
      if (isApple || !has('amd')) return no('there is no AMD GPU');
      if (machine.arch !== 'x64') return no('ROCm builds are for x64 only');
      const known = ROCM_TARGETS[machine.platform]?.split(' ') ?? [];
      const targets = machine.gpus.filter((gpu) => gpu.vendor === 'amd').map((gpu) => gpu.gfxTarget);
      const match = targets.find((target) => target !== null && known.includes(target));
      if (match !== undefined) return yes(`an AMD GPU (${match}) that ROCm builds have code for`);
      const named = targets.filter((target) => target !== null);
      return no(
        named.length === 0 ? "the AMD GPU's target is not known" : `ROCm builds have no code for ${named.join(', ')}`,
      );
    }
    case 'vulkan':
      if (isApple) return no('Macs use Metal');
      if (has('nvidia') || has('amd') || has('intel'))
        return yes('a GPU that speaks Vulkan where its driver is installed');
      return no('there is no GPU that speaks Vulkan');
    case 'metal':
      return isApple && machine.arch === 'arm64' ? yes('Apple silicon') : no('this is not Apple silicon');
    case 'sycl':
      return no(has('intel') ? 'only when asked for by name' : 'there is no Intel GPU');
    case 'cpu':
      return yes('every machine has a CPU');
  }
}
