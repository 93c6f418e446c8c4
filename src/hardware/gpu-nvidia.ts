// NVIDIA's GPUs: by NVML, else by nvidia-smi, else as the bus lists them. It must never turn a missing figure into
// zero: Jetson and GB10 share the host's memory and report none of their own.
import { openNvml, shortPciAddress } from './nvml.ts';
import { listPciAdapters, nameOfAdapter, type PciAdapter } from './pci.ts';
import type { Gpu } from './probe.ts';
import type { Reading, System } from './system.ts';

// Systems on chip whose GPU works in the host's memory.
const INTEGRATED = /\b(GB10|N1X|Orin|Xavier|Thor|Tegra|Jetson|DGX Spark)\b/i;

const TOOL_PLACES: Readonly<Record<string, readonly string[]>> = {
  linux: [
    '/usr/bin/nvidia-smi',
    '/usr/lib/wsl/lib/nvidia-smi',
    '/usr/local/nvidia/bin/nvidia-smi',
    '/run/current-system/sw/bin/nvidia-smi',
  ],
  win32: ['C:\\Windows\\System32\\nvidia-smi.exe', 'C:\\Program Files\\NVIDIA Corporation\\NVSMI\\nvidia-smi.exe'],
};
// A driver without persistence wakes every GPU for this: seconds, not milliseconds.
const TOOL_TIMEOUT_MS = 8000;

export async function readNvidiaGpus(system: System, signal?: AbortSignal): Promise<Reading<Gpu[]>> {
  if (system.platform !== 'linux' && system.platform !== 'win32') return { value: [], notes: [] };
  const opening = openNvml(system);
  if (opening.outcome === 'initialised') {
    using session = opening.session;
    const { devices, notes } = session.devices();
    const { driverVersion, cudaVersion } = session;
    const value = devices.map(
      (device): Gpu => ({
        index: device.index,
        vendor: 'nvidia',
        name: device.name ?? `NVIDIA GPU ${device.index}`,
        totalBytes: device.totalBytes,
        freeBytes: device.freeBytes,
        isUnified: isUnified(device.name, device.hasOwnMemory),
        driverVersion,
        cudaVersion,
        computeCapability: device.computeCapability,
        gfxTarget: null,
        pciAddress: device.pciAddress,
        uuid: device.uuid,
        source: 'nvml',
      }),
    );
    return { value, notes };
  }
  const notes = opening.outcome === 'failed' ? [`NVIDIA’s library NVML: ${opening.reason}.`] : [];
  if (opening.outcome === 'absent' || !opening.isDriverAtFault) {
    const asked = await askTool(system, signal);
    notes.push(...asked.notes);
    if (asked.value.length > 0) return { value: asked.value, notes };
  }
  const listed = await readBus(system);
  // One reason is enough: a driver that failed has said its own.
  return { value: listed.value, notes: notes.length > 0 ? notes : listed.notes };
}

const isUnified = (name: string | null, hasOwnMemory: boolean | null): boolean | null => {
  if (name !== null && INTEGRATED.test(name)) return true;
  // MIG and lost rights hide memory too: "no figure" alone proves nothing.
  return hasOwnMemory === true ? false : null;
};

const FIELDS = ['index', 'uuid', 'pci.bus_id', 'driver_version', 'memory.total', 'memory.free', 'compute_cap', 'name'];

async function askTool(system: System, signal: AbortSignal | undefined): Promise<Reading<Gpu[]>> {
  const tool = system.findTool('nvidia-smi', TOOL_PLACES[system.platform] ?? []);
  if (tool === null) return { value: [], notes: [] };
  const ask = (fields: readonly string[]): ReturnType<System['run']> =>
    system.run([tool, `--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'], {
      timeoutMs: TOOL_TIMEOUT_MS,
      signal,
    });
  let fields: readonly string[] = FIELDS;
  let answer = await ask(fields);
  // Drivers before 510 do not know compute_cap, and then refuse the whole question.
  if (answer.exitCode !== 0 && /compute_cap/.test(answer.stdout + answer.stderr)) {
    fields = FIELDS.filter((field) => field !== 'compute_cap');
    answer = await ask(fields);
  }
  if (answer.outcome === 'exited' && answer.exitCode === 0) {
    return { value: parseNvidiaSmi(answer.stdout, fields), notes: [] };
  }
  // Its errors go to stdout.
  const said = `${answer.stdout}\n${answer.stderr}`.split('\n').find((line) => line.trim() !== '');
  return { value: [], notes: [`nvidia-smi: ${said?.trim() ?? `it ended with code ${answer.exitCode}`}`] };
}

/** Rows of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`; memory is in MiB, and `[N/A]` is null. */
export function parseNvidiaSmi(text: string, fields: readonly string[] = FIELDS): Gpu[] {
  const gpus: Gpu[] = [];
  for (const line of text.split(/\r?\n/)) {
    const cells = line.split(',').map((cell) => cell.trim());
    if (cells.length < fields.length) continue;
    const at = (field: string): string | null => {
      const value = cells[fields.indexOf(field)];
      return value === undefined || value === '' || /^\[.*\]$|^N\/A$/i.test(value) ? null : value;
    };
    const index = numberOf(at('index'));
    if (index === null) continue;
    const name = at('name');
    const totalMiB = numberOf(at('memory.total'));
    const freeMiB = numberOf(at('memory.free'));
    const hasMemory = totalMiB !== null && totalMiB > 0;
    gpus.push({
      index,
      vendor: 'nvidia',
      name: name ?? `NVIDIA GPU ${index}`,
      totalBytes: hasMemory ? totalMiB * 2 ** 20 : null,
      freeBytes: hasMemory && freeMiB !== null ? freeMiB * 2 ** 20 : null,
      isUnified: isUnified(name, hasMemory ? true : null),
      driverVersion: at('driver_version'),
      computeCapability: at('compute_cap'),
      gfxTarget: null,
      pciAddress: shortPciAddress(at('pci.bus_id') ?? ''),
      uuid: at('uuid'),
      source: 'nvidia-smi',
    });
  }
  return gpus;
}

const numberOf = (text: string | null): number | null =>
  text !== null && /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;

// A card that is there but that no driver of NVIDIA's serves: known by name, of unknown memory.
async function readBus(system: System): Promise<Reading<Gpu[]>> {
  if (system.platform !== 'linux') return { value: [], notes: [] };
  const adapters = (await listPciAdapters(system)).filter((adapter) => adapter.vendorId === '10de');
  const value = await Promise.all(adapters.map((adapter, index) => unservedGpu(system, adapter, index)));
  return {
    value,
    notes: adapters.map((adapter, index) => `${value[index]?.name} cannot run CUDA: ${obstacle(adapter)}`),
  };
}

function obstacle({ driver }: PciAdapter): string {
  if (driver === 'nvidia') {
    return 'NVIDIA’s kernel driver is loaded, but its libraries are not here (in a container: start it with NVIDIA’s container toolkit).';
  }
  if (driver === 'vfio-pci') return 'it is handed to a virtual machine (vfio-pci).';
  return `${driver === null ? 'no driver holds it' : `the driver ${driver} holds it`}; install NVIDIA’s own driver.`;
}

const unservedGpu = async (system: System, adapter: PciAdapter, index: number): Promise<Gpu> => ({
  index,
  vendor: 'nvidia',
  name: await nameOfAdapter(system, adapter),
  totalBytes: null,
  freeBytes: null,
  isUnified: null,
  // Of another driver than NVIDIA's, a version would be mistaken for one that runs CUDA.
  driverVersion: null,
  computeCapability: null,
  gfxTarget: null,
  pciAddress: adapter.address,
  uuid: null,
  source: 'sysfs',
});
