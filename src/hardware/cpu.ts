// The processor: its name, its cores, the threads that we may use and the instruction sets that matter to ggml.
// It must never take the present clock for the highest one, nor count threads that a quota takes away.
import { readCgroupLevels } from './cgroup.ts';
import type { Snapshot } from './probe.ts';
import { readSysctl } from './sysctl.ts';
import type { Reading, System } from './system.ts';

type Cpu = Snapshot['cpu'];

// Names of Linux (arch/x86, arch/arm64 cpufeatures) by the name that we use; ggml's CPU variants ask for these.
const LINUX_FEATURES: Readonly<Record<string, string>> = {
  sse4_2: 'sse4_2',
  avx: 'avx',
  avx_vnni: 'avx_vnni',
  avx2: 'avx2',
  fma: 'fma',
  f16c: 'f16c',
  bmi2: 'bmi2',
  avx512f: 'avx512f',
  avx512bw: 'avx512bw',
  avx512vl: 'avx512vl',
  avx512vbmi: 'avx512_vbmi',
  avx512_vnni: 'avx512_vnni',
  avx512_bf16: 'avx512_bf16',
  amx_tile: 'amx_tile',
  amx_int8: 'amx_int8',
  amx_bf16: 'amx_bf16',
  asimd: 'neon',
  asimdhp: 'fp16',
  asimddp: 'dotprod',
  i8mm: 'i8mm',
  bf16: 'bf16',
  sve: 'sve',
  sve2: 'sve2',
  sme: 'sme',
};

const DARWIN_FEATURES: Readonly<Record<string, string>> = {
  'hw.optional.neon': 'neon',
  'hw.optional.AdvSIMD': 'neon',
  'hw.optional.arm.FEAT_FP16': 'fp16',
  'hw.optional.arm.FEAT_DotProd': 'dotprod',
  'hw.optional.arm.FEAT_I8MM': 'i8mm',
  'hw.optional.arm.FEAT_BF16': 'bf16',
  'hw.optional.arm.FEAT_SME': 'sme',
  'hw.optional.sse4_2': 'sse4_2',
  'hw.optional.avx1_0': 'avx',
  'hw.optional.avx2_0': 'avx2',
  'hw.optional.fma': 'fma',
  'hw.optional.f16c': 'f16c',
  'hw.optional.bmi2': 'bmi2',
  'hw.optional.avx512f': 'avx512f',
};

// PF_* of IsProcessorFeaturePresent (winnt.h).
const WINDOWS_FEATURES: Readonly<Record<number, string>> = {
  38: 'sse4_2',
  39: 'avx',
  40: 'avx2',
  41: 'avx512f',
  43: 'dotprod',
  19: 'neon',
  46: 'sve',
  47: 'sve2',
};

export async function readCpu(system: System): Promise<Reading<Cpu>> {
  if (system.platform === 'linux') return { value: await readLinuxCpu(system), notes: [] };
  if (system.platform === 'darwin') return { value: await readDarwinCpu(system), notes: [] };
  const processors = system.processors();
  const windows = system.platform === 'win32' ? readWindowsCores(system) : { physicalCores: null, features: [] };
  return {
    value: {
      name: cleanName(processors[0]?.model),
      usableThreads: system.availableThreads(),
      maxHz: null,
      ...windows,
    },
    notes: [],
  };
}

async function readLinuxCpu(system: System): Promise<Cpu> {
  const [info, status, quota, maxHz] = await Promise.all([
    system.readText('/proc/cpuinfo'),
    system.readText('/proc/self/status'),
    readQuotaThreads(system),
    readMaxHz(system),
  ]);
  const text = info ?? '';
  const field = (name: string): string | null => new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm').exec(text)?.[1] ?? null;
  const flags = (field('flags') ?? field('Features') ?? '').split(/\s+/);
  const allowed = countOfList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status ?? '')?.[1]) ?? system.availableThreads();
  return {
    // Arm's cpuinfo names no model; boards say what they are in their device tree.
    name: cleanName(
      field('model name') ??
        field('Hardware') ??
        (await system.readText('/proc/device-tree/model'))?.replaceAll('\0', ''),
    ),
    physicalCores: coresOfCpuinfo(text) ?? (await coresOfTopology(system)),
    usableThreads: Math.max(1, Math.min(allowed, quota ?? allowed)),
    maxHz,
    features: unique(flags.map((flag) => LINUX_FEATURES[flag])),
  };
}

const cleanName = (name: string | null | undefined): string | null => {
  const clean = name?.replace(/\s+/g, ' ').trim() ?? '';
  return clean === '' || clean === 'unknown' ? null : clean;
};

const unique = (names: readonly (string | undefined)[]): string[] => [
  ...new Set(names.filter((name) => name !== undefined)),
];

/** How many numbers a kernel list such as `0-3,8,10-11` holds; null when it is none. */
export function countOfList(list: string | undefined): number | null {
  if (list === undefined || !/^[\d,-]+$/.test(list)) return null;
  let count = 0;
  for (const part of list.split(',')) {
    const [first, last] = part.split('-').map(Number);
    if (first !== undefined) count += (last ?? first) - first + 1;
  }
  return count > 0 ? count : null;
}

function coresOfCpuinfo(text: string): number | null {
  const cores = new Set<string>();
  for (const block of text.split(/\n\s*\n/)) {
    const package_ = /^physical id\s*:\s*(\d+)$/m.exec(block)?.[1];
    const core = /^core id\s*:\s*(\d+)$/m.exec(block)?.[1];
    if (core !== undefined) cores.add(`${package_ ?? 0}:${core}`);
  }
  return cores.size > 0 ? cores.size : null;
}

async function coresOfTopology(system: System): Promise<number | null> {
  const root = '/sys/devices/system/cpu';
  const names = (await system.listFolder(root)).filter((name) => /^cpu\d+$/.test(name));
  const siblings = await Promise.all(
    names.map((name) => system.readText(`${root}/${name}/topology/thread_siblings_list`)),
  );
  const cores = new Set(siblings.filter((list) => list !== null).map((list) => list.trim()));
  return cores.size > 0 ? cores.size : null;
}

async function readMaxHz(system: System): Promise<number | null> {
  const root = '/sys/devices/system/cpu/cpufreq';
  const policies = (await system.listFolder(root)).filter((name) => name.startsWith('policy'));
  const texts = await Promise.all(policies.map((name) => system.readText(`${root}/${name}/cpuinfo_max_freq`)));
  const kiloHertz = texts.map(Number).filter((value) => Number.isFinite(value) && value > 0);
  return kiloHertz.length > 0 ? Math.max(...kiloHertz) * 1000 : null;
}

// Rounded down: threads beyond the quota are stopped in turn, and ggml's threads wait for each other.
async function readQuotaThreads(system: System): Promise<number | null> {
  const levels = await readCgroupLevels(system);
  const unified = levels.unified.map(async (folder) => {
    const [quota, period] = ((await system.readText(`${folder}/cpu.max`)) ?? '').trim().split(' ').map(Number);
    return (quota ?? Number.NaN) / (period ?? Number.NaN);
  });
  const legacy = levels.legacy('cpu').map(async (folder) => {
    const [quota, period] = await Promise.all([
      system.readText(`${folder}/cpu.cfs_quota_us`),
      system.readText(`${folder}/cpu.cfs_period_us`),
    ]);
    return Number(quota ?? Number.NaN) / Number(period ?? Number.NaN);
  });
  const ratios = (await Promise.all([...unified, ...legacy])).filter((ratio) => Number.isFinite(ratio) && ratio > 0);
  return ratios.length > 0 ? Math.max(1, Math.floor(Math.min(...ratios))) : null;
}

async function readDarwinCpu(system: System): Promise<Cpu> {
  const values = await readSysctl(system, [
    'machdep.cpu.brand_string',
    'hw.physicalcpu',
    'hw.cpufrequency_max',
    ...Object.keys(DARWIN_FEATURES),
  ]);
  const numberAt = (name: string): number | null => {
    const value = Number(values.get(name) ?? Number.NaN);
    return Number.isFinite(value) && value > 0 ? value : null;
  };
  return {
    name: cleanName(values.get('machdep.cpu.brand_string') ?? system.processors()[0]?.model),
    physicalCores: numberAt('hw.physicalcpu'),
    usableThreads: system.availableThreads(),
    maxHz: numberAt('hw.cpufrequency_max'),
    features: unique(Object.entries(DARWIN_FEATURES).map(([key, name]) => (numberAt(key) === 1 ? name : undefined))),
  };
}

function readWindowsCores(system: System): Pick<Cpu, 'physicalCores' | 'features'> {
  const { library } = system.openLibrary(['kernel32.dll'], {
    IsProcessorFeaturePresent: { args: ['u32'], returns: 'i32' },
    GetLogicalProcessorInformation: { args: ['ptr', 'ptr'], returns: 'i32' },
  });
  if (library === null) return { physicalCores: null, features: [] };
  const features = Object.entries(WINDOWS_FEATURES).map(([code, name]) =>
    library.call('IsProcessorFeaturePresent', Number(code)) === 1 ? name : undefined,
  );
  // SYSTEM_LOGICAL_PROCESSOR_INFORMATION: 32 bytes, the relationship at 8; 0 is a core. One processor group only.
  const records = new Uint32Array(8 * 1024);
  const length = new Uint32Array([records.byteLength]);
  const isKnown = library.call('GetLogicalProcessorInformation', records, length) === 1;
  let cores = 0;
  for (let at = 0; isKnown && at < (length[0] ?? 0) / 4; at += 8) if (records[at + 2] === 0) cores += 1;
  return { physicalCores: cores > 0 ? cores : null, features: unique(features) };
}
