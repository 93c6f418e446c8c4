// What the machine is: its processor, memory, drive, system, firmware and GPUs. Whoever asks keeps it, for it does not
// change while we run. It must never need more rights than ours, and what nobody tells is null.
import { countOfList } from './cpu.ts';
import { within } from './deadline.ts';
import { type Drive, readDrive, UNKNOWN_DRIVE } from './drive.ts';
import { type Firmware, readFirmware, UNKNOWN_FIRMWARE } from './firmware.ts';
import { parseMeminfo } from './memory.ts';
import { readReleaseFields } from './operating-system.ts';
import { probeHardware, type Snapshot } from './probe.ts';
import { readSysctl } from './sysctl.ts';
import { type System, thisSystem } from './system.ts';

export interface Inventory {
  readonly cpu: {
    readonly model: string | null;
    readonly physicalCores: number | null;
    /** Of the machine, whatever we may use of it. */
    readonly threads: number;
    readonly maxHz: number | null;
    /** Such as `0xa201210`; null on Arm, which has none to tell. */
    readonly microcode: string | null;
  };
  /** Of the machine, whatever a control group leaves us. */
  readonly ram: Firmware['ram'] & { readonly totalBytes: number };
  readonly storage: Drive;
  readonly os: { readonly name: string | null; readonly version: string | null; readonly kernel: string | null };
  /** `date` as `2024-03-27`. */
  readonly bios: Firmware['bios'];
  readonly gpus: readonly Pick<Snapshot['gpus'][number], 'name' | 'driverVersion' | 'totalBytes'>[];
}

export interface InventoryOptions {
  /** The drive that holds this is told; default: the root, or the system drive. */
  readonly path?: string;
  /** Taken before, so that nothing is read twice. */
  readonly snapshot?: Pick<Snapshot, 'cpu' | 'gpus' | 'system'>;
  readonly system?: System;
}

// Programs of macOS and Windows that know the modules and the drives take seconds.
const TIMEOUT_MS = 8000;

export async function readInventory(options: InventoryOptions = {}): Promise<Inventory> {
  const { system = thisSystem, path = system.platform === 'win32' ? 'C:\\' : '/' } = options;
  // Two readers ask it, and programs are started once.
  let survey: ReturnType<System['surveyHost']> | undefined;
  const shared: System = {
    ...system,
    surveyHost: () => {
      survey ??= system.surveyHost();
      return survey;
    },
  };
  const deadline = { timeoutMs: TIMEOUT_MS };
  const otherwise: { readonly text: string | null } = { text: null };
  const [snapshot, threads, ramBytes, microcode, drive, firmware, os] = await Promise.all([
    options.snapshot ?? probeHardware({ system, diskPaths: [] }),
    readThreads(system),
    readRamBytes(system),
    within('the microcode', deadline, otherwise, async () => ({
      value: { text: await readMicrocode(system) },
      notes: [],
    })),
    within('the drive', deadline, UNKNOWN_DRIVE, async () => ({ value: await readDrive(shared, path), notes: [] })),
    within('the firmware', deadline, UNKNOWN_FIRMWARE, async () => ({ value: await readFirmware(shared), notes: [] })),
    readVersion(system),
  ]);
  const { cpu, gpus } = snapshot;
  return {
    cpu: {
      model: cpu.name,
      physicalCores: cpu.physicalCores,
      threads,
      maxHz: cpu.maxHz,
      microcode: microcode.value.text,
    },
    ram: { totalBytes: ramBytes, ...firmware.value.ram },
    storage: drive.value,
    os: { name: os.name ?? snapshot.system.name, version: os.version, kernel: snapshot.system.kernel },
    bios: firmware.value.bios,
    gpus: gpus.map(({ name, driverVersion, totalBytes }) => ({ name, driverVersion, totalBytes })),
  };
}

async function readThreads(system: System): Promise<number> {
  const online = system.platform === 'linux' ? await system.readText('/sys/devices/system/cpu/online') : null;
  return countOfList(online?.trim()) ?? Math.max(1, system.processors().length);
}

async function readRamBytes(system: System): Promise<number> {
  const text = system.platform === 'linux' ? await system.readText('/proc/meminfo') : null;
  return parseMeminfo(text ?? '').get('MemTotal') ?? system.hostMemory().totalBytes;
}

async function readMicrocode(system: System): Promise<string | null> {
  if (system.platform === 'darwin') {
    if (system.arch !== 'x64') return null;
    const name = 'machdep.cpu.microcode_version';
    const revision = Number((await readSysctl(system, [name])).get(name) ?? 0);
    return revision > 0 ? `0x${revision.toString(16)}` : null;
  }
  if (system.platform !== 'linux') return null;
  const info = /^microcode\s*:\s*(\S+)$/m.exec((await system.readText('/proc/cpuinfo')) ?? '')?.[1];
  const text = info ?? (await system.readText('/sys/devices/system/cpu/cpu0/microcode/version'))?.trim() ?? '';
  // Hypervisors that hide it show all bits set, or none.
  return /^0x[0-9a-f]+$/i.test(text) && !/^0x(0+|f+)$/i.test(text) ? text.toLowerCase() : null;
}

async function readVersion(system: System): Promise<Pick<Inventory['os'], 'name' | 'version'>> {
  if (system.platform === 'linux') {
    const fields = await readReleaseFields(system);
    return { name: fields.get('NAME') || null, version: fields.get('VERSION_ID') || fields.get('BUILD_ID') || null };
  }
  if (system.platform === 'darwin') {
    const version = (await readSysctl(system, ['kern.osproductversion'])).get('kern.osproductversion');
    return { name: 'macOS', version: version ?? null };
  }
  // Windows numbers itself by its build; 10 and 11 alike begin with 10.0.
  return system.platform === 'win32' ? { name: 'Windows', version: system.kernel } : { name: null, version: null };
}
