// AMD's GPUs on Linux, by sysfs of amdgpu and by the topology of its compute part. It must never count an APU's
// borrowed memory (GTT) as free when the host has given it away.
import { parseMeminfo } from './memory.ts';
import { listPciAdapters, nameOfAdapter, type PciAdapter, readDriverVersion } from './pci.ts';
import type { Gpu } from './probe.ts';
import type { Reading, System } from './system.ts';

// Targets that exist as APUs only: LLVM, "User Guide for AMDGPU Backend", table of processors.
const APU_TARGETS = new Set(
  'gfx902 gfx909 gfx90c gfx1013 gfx1033 gfx1035 gfx1036 gfx1037 gfx1103 gfx1150 gfx1151 gfx1152 gfx1153'.split(' '),
);
const KFD_NODES = '/sys/class/kfd/kfd/topology/nodes';
const MARKETING_NAMES = ['/usr/share/libdrm/amdgpu.ids', '/opt/amdgpu/share/libdrm/amdgpu.ids'];

export async function readAmdGpus(system: System): Promise<Reading<Gpu[]>> {
  if (system.platform !== 'linux') return { value: [], notes: [] };
  const adapters = (await listPciAdapters(system)).filter((adapter) => adapter.vendorId === '1002');
  if (adapters.length === 0) return { value: [], notes: [] };
  const targets = await readTargets(system);
  const readings = await Promise.all(adapters.map((adapter, index) => readGpu(system, adapter, index, targets)));
  return { value: readings.map(({ value }) => value), notes: readings.flatMap(({ notes }) => notes) };
}

async function readGpu(
  system: System,
  adapter: PciAdapter,
  index: number,
  targets: ReadonlyMap<string, string>,
): Promise<Reading<Gpu>> {
  const gfxTarget = targets.get(adapter.address) ?? null;
  const name = await nameOf(system, adapter);
  const isUnified = unifiedBy(gfxTarget, name);
  const notes: string[] = [];
  if (adapter.driver !== 'amdgpu') {
    const holder = adapter.driver === null ? 'no driver holds it' : `the driver ${adapter.driver} holds it`;
    notes.push(`${name} cannot be used: ${holder}, and amdgpu is needed.`);
  } else if (gfxTarget === null) {
    notes.push(`${name} has no compute node in ${KFD_NODES}, so ROCm cannot use it and its gfx target is unknown.`);
  }
  const memory = await readAmdMemory(system, adapter.folder, isUnified);
  const uniqueId = (await system.readText(`${adapter.folder}/unique_id`))?.trim();
  return {
    value: {
      index,
      vendor: 'amd',
      name,
      ...memory,
      isUnified,
      driverVersion: await readDriverVersion(system, adapter.driver),
      computeCapability: null,
      gfxTarget,
      pciAddress: adapter.address,
      uuid: uniqueId === undefined || uniqueId === '' ? null : `GPU-${uniqueId}`,
      source: 'sysfs',
    },
    notes,
  };
}

const unifiedBy = (gfxTarget: string | null, name: string): boolean | null => {
  if (gfxTarget === null) return null;
  // gfx942 is MI300X (a card) and MI300A (an APU).
  return APU_TARGETS.has(gfxTarget) || /MI300A/i.test(name);
};

/** Bytes of `mem_info_*` (kernel documentation, "amdgpu: Misc AMDGPU driver information"). */
export async function readAmdMemory(
  system: System,
  folder: string,
  isUnified: boolean | null,
): Promise<Pick<Gpu, 'totalBytes' | 'freeBytes'>> {
  const names = ['vram_total', 'vram_used', 'gtt_total', 'gtt_used'];
  const [vram, vramUsed, gtt, gttUsed] = await Promise.all(
    names.map(async (name) => bytesOf(await system.readText(`${folder}/mem_info_${name}`))),
  );
  if (vram === null || vram === undefined) return { totalBytes: null, freeBytes: null };
  const vramFree = vramUsed === null || vramUsed === undefined ? null : Math.max(0, vram - vramUsed);
  if (isUnified !== true || gtt === null || gtt === undefined) return { totalBytes: vram, freeBytes: vramFree };
  // An APU allocates from its carve-out and from GTT, which is the host's memory up to a limit.
  const available = parseMeminfo((await system.readText('/proc/meminfo')) ?? '').get('MemAvailable');
  const gttFree = Math.min(Math.max(0, gtt - (gttUsed ?? 0)), available ?? Number.POSITIVE_INFINITY);
  return { totalBytes: vram + gtt, freeBytes: vramFree === null ? null : vramFree + gttFree };
}

/** What is taken now: of the card's own memory, and of an APU's borrowed one. */
export async function readAmdUsedBytes(
  system: System,
  folder: string,
  isUnified: boolean | null,
): Promise<number | null> {
  const vram = bytesOf(await system.readText(`${folder}/mem_info_vram_used`));
  if (vram === null || isUnified !== true) return vram;
  return vram + (bytesOf(await system.readText(`${folder}/mem_info_gtt_used`)) ?? 0);
}

const bytesOf = (text: string | null): number | null =>
  text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : null;

// gfx targets by PCI address. `location_id` is bus << 8 | device << 3 | function; CPU nodes have target 0.
async function readTargets(system: System): Promise<Map<string, string>> {
  const targets = new Map<string, string>();
  const nodes = await system.listFolder(KFD_NODES);
  const texts = await Promise.all(nodes.map((node) => system.readText(`${KFD_NODES}/${node}/properties`)));
  for (const text of texts) {
    const field = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? 0);
    const target = gfxTargetOf(field('gfx_target_version'));
    if (target === null) continue;
    const location = field('location_id');
    const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
    const slot = `${hex((location >> 8) & 0xff, 2)}:${hex((location >> 3) & 0x1f, 2)}.${location & 7}`;
    targets.set(`${hex(field('domain'), 4)}:${slot}`, target);
  }
  return targets;
}

/** 110000 → `gfx1100`, 90010 → `gfx90a`: major, minor, stepping, the last two as hex digits. */
export function gfxTargetOf(version: number): string | null {
  if (!Number.isInteger(version) || version <= 0) return null;
  const [major, minor, stepping] = [Math.floor(version / 10_000), Math.floor(version / 100) % 100, version % 100];
  return `gfx${major}${minor.toString(16)}${stepping.toString(16)}`;
}

async function nameOf(system: System, adapter: PciAdapter): Promise<string> {
  const product = (await system.readText(`${adapter.folder}/product_name`))?.trim();
  if (product !== undefined && product !== '' && !/^(unknown|n\/a)$/i.test(product)) return product;
  const revision = (await system.readText(`${adapter.folder}/revision`))?.trim().replace(/^0x/, '');
  for (const path of MARKETING_NAMES) {
    const name = findMarketingName((await system.readText(path)) ?? '', adapter.deviceId, revision ?? '');
    if (name !== null) return name;
  }
  return nameOfAdapter(system, adapter);
}

/** libdrm's amdgpu.ids: `744C,	C8,	AMD Radeon RX 7900 XTX`. */
function findMarketingName(text: string, deviceId: string, revision: string): string | null {
  const line = new RegExp(`^${deviceId},\\s*${revision.padStart(2, '0')},\\s*(.+)$`, 'im').exec(text);
  return line?.[1]?.trim() ?? null;
}
