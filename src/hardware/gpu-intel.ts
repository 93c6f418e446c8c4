// Intel's GPUs on Linux, by sysfs of i915 and xe. It must never give a BAR's size for a memory's size: without
// Resizable BAR it is 256 MiB on any card.
import { listPciAdapters, nameOfAdapter, type PciAdapter, readDriverVersion } from './pci.ts';
import type { Gpu } from './probe.ts';
import type { Reading, System } from './system.ts';

export async function readIntelGpus(system: System): Promise<Reading<Gpu[]>> {
  if (system.platform !== 'linux') return { value: [], notes: [] };
  const adapters = (await listPciAdapters(system)).filter((adapter) => adapter.vendorId === '8086');
  const readings = await Promise.all(adapters.map((adapter, index) => readGpu(system, adapter, index)));
  return { value: readings.map(({ value }) => value), notes: readings.flatMap(({ notes }) => notes) };
}

async function readGpu(system: System, adapter: PciAdapter, index: number): Promise<Reading<Gpu>> {
  const [name, localBytes, driverVersion] = await Promise.all([
    nameOfAdapter(system, adapter),
    readLocalMemory(system, adapter),
    readDriverVersion(system, adapter.driver),
  ]);
  // Intel's integrated graphics are function 00:02.0 of the root bus, always; cards lie behind a bridge.
  const isUnified = adapter.address === '0000:00:02.0' && localBytes === null;
  const notes: string[] = [];
  if (adapter.driver !== 'i915' && adapter.driver !== 'xe') {
    const holder = adapter.driver === null ? 'no driver holds it' : `the driver ${adapter.driver} holds it`;
    notes.push(`${name} cannot be used: ${holder}, and i915 or xe is needed.`);
  } else if (!isUnified && localBytes === null) {
    notes.push(`The driver ${adapter.driver} does not tell how much memory ${name} has; the engine will.`);
  }
  return {
    value: {
      index,
      vendor: 'intel',
      name,
      // Neither driver tells an ordinary user how much is free, nor how much of the host's memory an iGPU may take.
      totalBytes: isUnified ? null : localBytes,
      freeBytes: null,
      isUnified,
      driverVersion,
      computeCapability: null,
      gfxTarget: null,
      pciAddress: adapter.address,
      uuid: null,
      source: 'sysfs',
    },
    notes,
  };
}

// xe: `tileN/physical_vram_size_bytes`, which includes what the firmware keeps; several tiles add up.
// i915: `drm/cardN/lmem_total_bytes`, in Intel's own driver packages only; the kernel's i915 has no such file.
async function readLocalMemory(system: System, { folder }: PciAdapter): Promise<number | null> {
  const [inside, cards] = await Promise.all([system.listFolder(folder), system.listFolder(`${folder}/drm`)]);
  const tiles = inside.filter((name) => /^tile\d+$/.test(name));
  const paths = [
    ...tiles.map((tile) => `${folder}/${tile}/physical_vram_size_bytes`),
    ...cards.filter((name) => /^card\d+$/.test(name)).map((card) => `${folder}/drm/${card}/lmem_total_bytes`),
  ];
  let total = 0;
  for (const text of await Promise.all(paths.map((path) => system.readText(path)))) total += bytesOf(text);
  return total > 0 ? total : null;
}

const bytesOf = (text: string | null): number => {
  const value = Number(text?.trim() || 0);
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
};
