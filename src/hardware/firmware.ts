// The BIOS and the kind of memory modules: from what the kernel and udev let everybody read, or from the firmware's
// table where it is open to us. It must never ask for more rights, nor name one type where modules differ.
import { type FirmwareTable, firmwareDate, firmwareText, type MemoryModule, parseFirmwareTable } from './smbios.ts';
import type { System } from './system.ts';

export interface Firmware {
  readonly bios: FirmwareTable['bios'];
  readonly ram: {
    /** `DDR4`, `LPDDR5`, … */
    readonly type: string | null;
    /** Transfers per second, which is what vendors print as the frequency (3200 MT/s as "3200 MHz"). */
    readonly hz: number | null;
  };
}

export const UNKNOWN_FIRMWARE: Firmware = {
  bios: { vendor: null, version: null, date: null },
  ram: { type: null, hz: null },
};

export async function readFirmware(system: System): Promise<Firmware> {
  if (system.platform === 'linux') return readLinuxFirmware(system);
  const table = system.platform === 'win32' ? readWindowsTable(system) : null;
  if (table !== null) return { bios: table.bios, ram: ramOf(table.modules) };
  const host = await system.surveyHost();
  if (host === null) return UNKNOWN_FIRMWARE;
  const { vendor, version, releaseDate } = host.bios;
  return {
    bios: {
      vendor: firmwareText(vendor),
      version: firmwareText(version),
      date: firmwareDate(firmwareText(releaseDate)),
    },
    ram: ramOf(
      host.modules.map(({ type, clockSpeed }) => ({ type: memoryType(type), megaTransfers: clockSpeed || null })),
    ),
  };
}

async function readLinuxFirmware(system: System): Promise<Firmware> {
  const id = async (name: string): Promise<string | null> =>
    firmwareText(await system.readText(`/sys/class/dmi/id/bios_${name}`));
  const [vendor, version, date, modules] = await Promise.all([
    id('vendor'),
    id('version'),
    id('date'),
    readLinuxModules(system),
  ]);
  return { bios: { vendor, version, date: firmwareDate(date) }, ram: ramOf(modules) };
}

async function readLinuxModules(system: System): Promise<MemoryModule[]> {
  const told = parseUdevModules((await system.readText('/run/udev/data/+dmi:id')) ?? '');
  if (told.length > 0) return told;
  // For root only.
  const table = await system.readBytes('/sys/firmware/dmi/tables/DMI');
  const parsed = table === null ? [] : parseFirmwareTable(table).modules;
  return parsed.length > 0 ? [...parsed] : readCheckedModules(system);
}

/** udev keeps what its `dmi_memory_id` found (systemd 248 and later): `E:MEMORY_DEVICE_0_TYPE=DDR4`. */
export function parseUdevModules(text: string): MemoryModule[] {
  const fields = new Map(
    [...text.matchAll(/^E:MEMORY_DEVICE_(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
  const modules: MemoryModule[] = [];
  for (const [key, value] of fields) {
    const index = /^(\d+)_TYPE$/.exec(key)?.[1];
    if (index === undefined || fields.get(`${index}_PRESENT`) === '0') continue;
    const speed = Number(fields.get(`${index}_CONFIGURED_SPEED_MTS`) ?? fields.get(`${index}_SPEED_MTS`) ?? 0);
    modules.push({ type: memoryType(value), megaTransfers: speed > 0 ? speed : null });
  }
  return modules;
}

// Drivers of error correction (Documentation/ABI/testing/sysfs-devices-edac): `Registered-DDR4`. They tell no speed.
async function readCheckedModules(system: System): Promise<MemoryModule[]> {
  const root = '/sys/devices/system/edac/mc';
  const modules: MemoryModule[] = [];
  for (const controller of (await system.listFolder(root)).filter((name) => /^mc\d+$/.test(name))) {
    for (const slot of await system.listFolder(`${root}/${controller}`)) {
      if (!/^(dimm|rank|csrow)\d+$/.test(slot)) continue;
      const file = slot.startsWith('csrow') ? 'mem_type' : 'dimm_mem_type';
      const text = await system.readText(`${root}/${controller}/${slot}/${file}`);
      // An empty slot has a type of its own, which is none.
      if (text !== null && !/unknown|reserved|empty/i.test(text)) {
        modules.push({ type: memoryType(text), megaTransfers: null });
      }
    }
  }
  return modules;
}

const memoryType = (text: string): string | null =>
  /\b(LP)?DDR\d?X?\b|\bHBM\d?\b/i.exec(text.replaceAll('_', '-'))?.[0]?.toUpperCase() ?? null;

// All modules run at the slowest one's pace; modules of several types are not one type.
function ramOf(modules: readonly MemoryModule[]): Firmware['ram'] {
  const types = new Set(modules.map(({ type }) => type));
  const [type = null] = types;
  const speeds = modules.map(({ megaTransfers }) => megaTransfers).filter((speed) => speed !== null);
  return {
    type: types.size === 1 ? type : null,
    hz: speeds.length > 0 ? Math.min(...speeds) * 1e6 : null,
  };
}

// sysinfoapi.h: the table of provider 'RSMB', after 8 bytes of struct RawSMBIOSData; open to everybody.
function readWindowsTable(system: System): FirmwareTable | null {
  const { library } = system.openLibrary(['kernel32.dll'], {
    GetSystemFirmwareTable: { args: ['u32', 'u32', 'ptr', 'u32'], returns: 'u32' },
  });
  if (library === null) return null;
  try {
    const RSMB = 0x52534d42;
    const size = Number(library.call('GetSystemFirmwareTable', RSMB, 0, null, 0) ?? 0);
    // The 32-bit entry point's table is at most 64 KiB, and no machine's is near a MiB.
    if (size <= 8 || size > 1 << 20) return null;
    const buffer = new Uint8Array(size);
    if (library.call('GetSystemFirmwareTable', RSMB, 0, buffer, size) !== size) return null;
    return parseFirmwareTable(buffer.subarray(8));
  } finally {
    library.close();
  }
}
