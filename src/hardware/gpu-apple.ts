// The GPU of a Mac with Apple silicon, by sysctl. It must never state Metal's own limit, which only Metal knows: without a
// limit that the owner has set, total and free are unknown here, and the engine's list of devices tells them.
import type { Gpu } from './probe.ts';
import { readSysctl } from './sysctl.ts';
import type { Reading, System } from './system.ts';

export async function readAppleGpus(system: System): Promise<Reading<Gpu[]>> {
  if (system.platform !== 'darwin') return { value: [], notes: [] };
  const values = await readSysctl(system, ['machdep.cpu.brand_string', 'iogpu.wired_limit_mb', 'hw.memsize']);
  const chip = values.get('machdep.cpu.brand_string') ?? null;
  if (system.arch !== 'arm64') {
    return { value: [], notes: ['The graphics cards of a Mac with an Intel processor are not read.'] };
  }
  // 0 means "Metal decides".
  const limitMiB = Number(values.get('iogpu.wired_limit_mb') ?? 0);
  const value: Gpu = {
    index: 0,
    vendor: 'apple',
    name: chip ?? 'Apple GPU',
    totalBytes: limitMiB > 0 ? limitMiB * 2 ** 20 : null,
    freeBytes: null,
    isUnified: true,
    driverVersion: null,
    computeCapability: null,
    gfxTarget: null,
    pciAddress: null,
    uuid: null,
    source: 'sysctl',
  };
  return { value: [value], notes: [] };
}
