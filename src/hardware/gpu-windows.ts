// The GPUs of Windows: by DXGI, else by CIM and the registry, else by systeminformation. It must never take CIM's
// AdapterRAM for a size: it is a 32-bit field, and every card of 4 GiB or more shows the same lie.
import { type DxgiAdapter, listDxgiAdapters } from './dxgi.ts';
import type { Gpu, GpuVendor } from './probe.ts';
import type { Reading, System } from './system.ts';

// PCI vendor ids, as hex digits.
const VENDORS: Readonly<Record<string, GpuVendor>> = { '10de': 'nvidia', '1002': 'amd', '8086': 'intel' };

export async function readWindowsGpus(system: System, signal?: AbortSignal): Promise<Reading<Gpu[]>> {
  if (system.platform !== 'win32') return { value: [], notes: [] };
  const adapters = listDxgiAdapters(system);
  if (adapters !== null) return { value: adapters.map(fromDxgi), notes: [] };
  const notes = ['DXGI does not answer, so GPUs are read by CIM, which knows less.'];
  const asked = await askCim(system, signal);
  if (asked !== null) return { value: asked, notes };
  notes.push('CIM does not answer either (powershell.exe, Win32_VideoController).');
  const surveyed = await system.surveyAdapters();
  return { value: surveyed.map((adapter, index) => fromSurvey(adapter, index)), notes };
}

function fromDxgi(adapter: DxgiAdapter, index: number): Gpu {
  const vendor = VENDORS[adapter.vendorId.toString(16).padStart(4, '0')] ?? 'other';
  // Integrated graphics have a token carve-out (128 MiB, say) and live on shared memory.
  const isUnified = adapter.isUnified;
  return {
    index,
    vendor,
    name: adapter.name,
    totalBytes: isUnified === true ? adapter.dedicatedBytes + adapter.sharedBytes : adapter.dedicatedBytes || null,
    freeBytes: adapter.freeBytes,
    isUnified,
    driverVersion: adapter.driverVersion === null ? null : driverVersionOf(vendor, adapter.driverVersion),
    computeCapability: null,
    gfxTarget: null,
    pciAddress: null,
    uuid: null,
    source: 'dxgi',
  };
}

/** NVIDIA's own number is the last five digits of Windows': `32.0.15.8142` is 581.42. */
export function driverVersionOf(vendor: GpuVendor, version: string): string {
  if (vendor !== 'nvidia') return version;
  const digits = version
    .split('.')
    .slice(-2)
    .map((part, at) => (at === 1 ? part.padStart(4, '0') : part))
    .join('')
    .slice(-5);
  return /^\d{5}$/.test(digits) ? `${digits.slice(0, 3)}.${digits.slice(3)}` : version;
}

/** The registry holds the size as a 64-bit number, by driver key; CIM links it through PNPDeviceID's driver. */
export const CIM_SCRIPT = [
  "$ErrorActionPreference='SilentlyContinue'",
  '[Console]::OutputEncoding=[Text.Encoding]::UTF8',
  'Get-CimInstance Win32_VideoController | ForEach-Object {' +
    "$key=(Get-ItemProperty ('HKLM:\\SYSTEM\\CurrentControlSet\\Enum\\'+$_.PNPDeviceID)).Driver;" +
    "$size=(Get-ItemProperty ('HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Class\\'+$key)).'HardwareInformation.qwMemorySize';" +
    '[pscustomobject]@{Name=$_.Name;AdapterRAM=$_.AdapterRAM;DriverVersion=$_.DriverVersion;' +
    'PNPDeviceID=$_.PNPDeviceID;qwMemorySize=$size} } | ConvertTo-Json -Compress',
].join(';');

async function askCim(system: System, signal: AbortSignal | undefined): Promise<Gpu[] | null> {
  const shell = 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe';
  const tool = system.findTool('powershell.exe', [shell]);
  if (tool === null) return null;
  const answer = await system.run([tool, '-NoProfile', '-NonInteractive', '-Command', CIM_SCRIPT], {
    timeoutMs: 8000,
    signal,
  });
  return answer.exitCode === 0 ? parseCim(answer.stdout) : null;
}

/** JSON of Win32_VideoController: one object, or an array of them; null when it is neither. */
export function parseCim(text: string): Gpu[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return null;
  }
  const rows = (Array.isArray(parsed) ? parsed : [parsed]).filter(isRecord);
  const gpus: Gpu[] = [];
  for (const row of rows) {
    const id = typeof row.PNPDeviceID === 'string' ? row.PNPDeviceID : '';
    const vendorId = /^PCI\\VEN_([0-9A-F]{4})/i.exec(id)?.[1]?.toLowerCase();
    // Remote desktops, indirect displays and the basic adapter are no PCI devices.
    if (vendorId === undefined) continue;
    const vendor = VENDORS[vendorId] ?? 'other';
    const size = typeof row.qwMemorySize === 'number' && row.qwMemorySize > 0 ? row.qwMemorySize : null;
    gpus.push({
      index: gpus.length,
      vendor,
      name: typeof row.Name === 'string' ? row.Name : `GPU ${id}`,
      totalBytes: size,
      freeBytes: null,
      isUnified: vendor === 'nvidia' ? false : null,
      driverVersion: typeof row.DriverVersion === 'string' ? driverVersionOf(vendor, row.DriverVersion) : null,
      computeCapability: null,
      gfxTarget: null,
      pciAddress: null,
      uuid: null,
      source: 'cim',
    });
  }
  return gpus;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function fromSurvey(adapter: Awaited<ReturnType<System['surveyAdapters']>>[number], index: number): Gpu {
  const words = `${adapter.vendor} ${adapter.model}`;
  const vendor = /nvidia/i.test(words)
    ? 'nvidia'
    : /amd|radeon|ati\b/i.test(words)
      ? 'amd'
      : /intel/i.test(words)
        ? 'intel'
        : 'other';
  return {
    index,
    vendor,
    name: adapter.model || adapter.vendor || 'Unknown GPU',
    totalBytes: null,
    freeBytes: null,
    isUnified: null,
    driverVersion: adapter.driverVersion === undefined ? null : driverVersionOf(vendor, adapter.driverVersion),
    computeCapability: null,
    gfxTarget: null,
    pciAddress: null,
    uuid: null,
    source: 'systeminformation',
  };
}
