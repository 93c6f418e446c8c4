// The display adapters that Linux lists on the PCI bus, whether a driver holds them or not, and their names. It must
// never invent a name: without a table that knows the ids, the ids are the name.
import type { System } from './system.ts';

export interface PciAdapter {
  /** `0000:03:00.0` */
  readonly address: string;
  /** Four lower-case hex digits. */
  readonly vendorId: string;
  readonly deviceId: string;
  /** Kernel driver that holds it (`amdgpu`, `i915`, `xe`, `nvidia`, `nouveau`, `vfio-pci`); null when none does. */
  readonly driver: string | null;
  /** Its folder below /sys. */
  readonly folder: string;
}

const ROOT = '/sys/bus/pci/devices';
const VENDORS = new Set(['10de', '1002', '8086']);

/** Display controllers (class 03) of NVIDIA, AMD and Intel, and AMD's accelerators (class 1200), in bus order. */
export async function listPciAdapters(system: System): Promise<PciAdapter[]> {
  const names = await system.listFolder(ROOT);
  const adapters = await Promise.all(names.map((name) => readAdapter(system, name)));
  return adapters.filter((adapter) => adapter !== null);
}

async function readAdapter(system: System, name: string): Promise<PciAdapter | null> {
  const folder = `${ROOT}/${name}`;
  // One file tells all: DRIVER=, PCI_CLASS=, PCI_ID=VVVV:DDDD, PCI_SLOT_NAME= (pci_uevent() of the kernel).
  const text = await system.readText(`${folder}/uevent`);
  if (text === null) return null;
  const field = (key: string): string | null => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? null;
  const kind = (field('PCI_CLASS') ?? '').toLowerCase().padStart(6, '0');
  const [vendorId, deviceId] = (field('PCI_ID') ?? '').toLowerCase().split(':');
  if (vendorId === undefined || deviceId === undefined || !VENDORS.has(vendorId)) return null;
  const isDisplay = kind.startsWith('03') || (vendorId === '1002' && kind.startsWith('1200'));
  if (!isDisplay) return null;
  return { address: name.toLowerCase(), vendorId, deviceId, driver: field('DRIVER'), folder };
}

/** A driver's own version where its module has one (out of tree), else the kernel that it is part of. */
export async function readDriverVersion(system: System, driver: string | null): Promise<string | null> {
  if (driver === null) return null;
  const version = (await system.readText(`/sys/module/${driver}/version`))?.trim();
  if (version !== undefined && version !== '') return `${driver} ${version}`;
  return system.kernel === null ? driver : `${driver} in Linux ${system.kernel}`;
}

const PCI_IDS = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids', '/usr/share/pci.ids'];
const BRANDS: Readonly<Record<string, string>> = { '10de': 'NVIDIA', '1002': 'AMD', '8086': 'Intel' };

/** `AMD Navi 31 [Radeon RX 7900 XT/7900 XTX]` by the system's pci.ids, else `AMD GPU [1002:744c]`. */
export async function nameOfAdapter(system: System, adapter: PciAdapter): Promise<string> {
  const brand = BRANDS[adapter.vendorId] ?? 'Unknown';
  for (const path of PCI_IDS) {
    const name = findPciName((await system.readText(path)) ?? '', adapter.vendorId, adapter.deviceId);
    if (name !== null) return `${brand} ${name}`;
  }
  return `${brand} GPU [${adapter.vendorId}:${adapter.deviceId}]`;
}

/** Looks a device up in the text of pci.ids: vendors at the line's start, devices after one tab. */
export function findPciName(text: string, vendorId: string, deviceId: string): string | null {
  const start = text.startsWith(`${vendorId}  `) ? 0 : text.indexOf(`\n${vendorId}  `);
  if (start === -1) return null;
  const end = text.slice(start + 1).search(/\n[0-9a-fC]/);
  const section = end === -1 ? text.slice(start) : text.slice(start, start + 1 + end);
  return new RegExp(`\\n\\t${deviceId} {2}(.+)`).exec(section)?.[1]?.trim() ?? null;
}
